"""The images of a set as a dataset of torch."""

from torch.utils.data import Dataset


class Pictures(Dataset):
    """The images of a set as pixels, with their labels and the names of the classes."""

    def __init__(self, images, transform) -> None:
        self.images, self.transform, self.classes = images, transform, images.class_names

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return self.transform(self.images.open(index)), int(self.images.labels[index])
