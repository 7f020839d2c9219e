"""VM-UNet's selective scans for PyTorch on a CPU, without mamba_ssm and without a CUDA compiler.

    ss2d                      VMamba's scan of maps in four directions, with gradients
    selective_scan            Mamba's scan of sequences, with gradients
    mamba.selective_scan_fn   the same under mamba_ssm's signature
    vmamba.selective_scan_fn  the same under VMamba's
    VMUNet                    the network, under published keys
"""
from . import mamba, vmamba
from .model import VMUNet
from .scan import selective_scan, ss2d

__all__ = ["VMUNet", "mamba", "selective_scan", "ss2d", "vmamba"]
__version__ = "0.1.0"
