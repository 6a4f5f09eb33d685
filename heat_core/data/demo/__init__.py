"""The embedded demo: digits and photographs of scikit-learn, drawn as image sets, and the network trained on them."""

from pathlib import Path

#: Weights of the network that was trained on the digits 0 to 5; `assets/train_demo.py` trains it.
DEMO_WEIGHTS = Path(__file__).parent / "demo-resnet.safetensors"
