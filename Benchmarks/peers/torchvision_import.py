"""Imports torchvision also where its compiled operators do not load.

The default build of torchvision wants the CUDA libraries, which the CPU build of PyTorch lacks. Its Python part (resizing,
transforms) works without them; only the registration of operators that are then missing must be left out.
"""

import torch


def import_torchvision():
    """Gives the module torchvision, whole or without its compiled operators."""
    original = torch.library.register_fake

    def register_fake(name, *arguments, **options):
        if isinstance(name, str) and name.startswith("torchvision::"):
            return lambda function: function
        return original(name, *arguments, **options)

    try:
        import torchvision
    except RuntimeError:
        import sys

        for module in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[module]
        torch.library.register_fake = register_fake
        try:
            import torchvision
        finally:
            torch.library.register_fake = original
    return torchvision
