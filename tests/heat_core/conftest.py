"""What the tests of networks share."""

import pytest
import torch


@pytest.fixture(scope="module")
def one_thread():
    """Small networks on cores that others use too: threads would wait for one another."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
