"""Writes variation.safetensors: the variations of training samples as others define them: brightness, contrast and gamma by albumentations and MONAI, blur and
elastic deformation by SciPy. Made with albumentations==2.0.8, monai==1.6.1. Run in this folder: python variation.py"""
import albumentations, monai, numpy as np, scipy.ndimage as ndimage, torch
from safetensors.numpy import save_file

random = np.random.default_rng(3)
out = {}
for h, w in ((13, 17), (1, 1), (5, 40)):
    image = random.uniform(0, 255, (h, w)).astype(np.float32)
    name = f"{h}x{w}"
    out[name] = image
    rgb = np.repeat(image[..., None] / 255, 3, 2)
    for brightness, contrast in ((0.2, 0), (-0.4, 0), (0, 0.3), (-0.1, -0.5)):
        change = albumentations.RandomBrightnessContrast((brightness, brightness), (contrast, contrast), ensure_safe_range=False, p=1)
        out[f"{name}/recolored/{brightness}/{contrast}"] = change(image=rgb)["image"][..., 0].clip(0, 1) * 255
    for gamma in (80, 125):
        out[f"{name}/gamma/{gamma}"] = albumentations.RandomGamma((gamma, gamma), p=1)(image=rgb)["image"][..., 0] * 255
    if h > 1:
        own = image / 50 - 3  # as normalised volumes: its own least and greatest value
        out[f"{name}/own/0.7"] = np.asarray(monai.transforms.AdjustContrast(0.7)(torch.from_numpy(own.copy())[None]))[0]
    for sigma in (0.1, 0.7, 1.3, 5.0):
        out[f"{name}/blurred/{sigma}"] = ndimage.gaussian_filter(image.astype(np.float64), sigma, mode="mirror", truncate=4)
    noise = random.uniform(-1, 1, (2, h, w)).astype(np.float32)
    labels = random.integers(0, 5, (h, w)).astype(np.uint8)
    out[f"{name}/noise"], out[f"{name}/labels"] = noise, labels
    for amplitude, sigma in ((3, 0.1), (60, 4)):
        shift = [ndimage.gaussian_filter(n.astype(np.float64), sigma, mode="mirror", truncate=4) * amplitude for n in noise]
        places = np.meshgrid(np.arange(h), np.arange(w), indexing="ij")
        sources = [p + s for p, s in zip(places, shift)]
        out[f"{name}/deformed/{amplitude}/{sigma}"] = ndimage.map_coordinates(image.astype(np.float64), sources, order=1, mode="nearest")
        out[f"{name}/deformed_labels/{amplitude}/{sigma}"] = ndimage.map_coordinates(labels, sources, order=0, mode="nearest")
save_file({k: np.ascontiguousarray(v.astype(np.float32) if v.dtype == np.float64 else v) for k, v in out.items()}, "variation.safetensors")
