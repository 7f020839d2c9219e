"""Writes SynapseSet/: a set in Synapse's layout (12 training slices of 4 patients, 3 test volumes), weights of a tiny network, and what PyTorch and SciPy make of
the volumes: the labels that the oracle predicts slice by slice, Dice and HD95. Run in this folder: python synapse_set.py"""
import json, os, sys
import h5py, numpy as np, torch
from safetensors.torch import load_file, save_file
from scipy import ndimage
from scipy.ndimage import zoom

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../Oracle"))
import oracle

SIZE, NAMES = 32, ["background", "disc", "block", "dot"]
random = np.random.default_rng(3)


def slice_of(h, w, classes=(1, 2, 3)):
    """Shapes of their own brightness on noise."""
    y, x = np.mgrid[:h, :w]
    label = np.zeros((h, w), np.uint8)
    cy, cx = random.uniform(.35, .65) * h, random.uniform(.3, .5) * w
    if 1 in classes: label[(y - cy) ** 2 + (x - cx) ** 2 < (min(h, w) * .25) ** 2] = 1
    if 2 in classes: label[h // 8:h // 3, w * 2 // 3:w * 7 // 8] = 2
    if 3 in classes: label[h * 3 // 4:h * 7 // 8, w * 5 // 8:w * 3 // 4] = 3
    image = np.array([.1, .45, .7, .95])[label] + random.normal(0, .03, (h, w))
    return np.clip(image, 0, 1).astype("f4").round(2), label


for folder in ("SynapseSet/train_npz", "SynapseSet/test_vol_h5", "SynapseSet/lists/lists_Synapse"): os.makedirs(folder, exist_ok=True)
train = []
for patient in range(4):
    for index in range(3):
        name = f"case{patient:04d}_slice{index:03d}"
        image, label = slice_of(36, 40)
        (np.savez_compressed if index else np.savez)(f"SynapseSet/train_npz/{name}.npz", image=image, label=label)
        train.append(name)
volumes = {"case0008": ((5, 40, 36), (1, 2, 3)), "case0022": ((1, 33, 47), (1, 3)), "case0038": ((3, 48, 48), (1, 2))}
for name, ((d, h, w), classes) in volumes.items():
    slices = [slice_of(h, w, classes) for _ in range(d)]
    with h5py.File(f"SynapseSet/test_vol_h5/{name}.npy.h5", "w") as file:
        file.create_dataset("image", data=np.stack([s[0] for s in slices]), compression="gzip")
        file.create_dataset("label", data=np.stack([s[1] for s in slices]).astype("f4"), compression="gzip")
for name, cases in (("train", train), ("test_vol", volumes)):
    open(f"SynapseSet/lists/lists_Synapse/{name}.txt", "w").write("\n".join(cases) + "\n")
json.dump({"labels": {n: i for i, n in enumerate(NAMES)}}, open("SynapseSet/dataset.json", "w"))

# The weights are this project's, from training on the slices, in bfloat16 to be small; what is expected of them is PyTorch's:
#   vmunet train --data SynapseSet --dataset synapse --dims 12,24,48,96 --depths 1,1,1,1 --decoder-depths 1,1,1,1 --state-size 4 --image-size 32 --batch-size 4 \
#       --epochs 60 --lr 0.005 --drop-path 0 --no-augment --run RUN         and RUN/checkpoints/best.safetensors as SynapseSet/weights.safetensors
if not os.path.exists("SynapseSet/weights.safetensors"): sys.exit("train SynapseSet/weights.safetensors and run this again")
config = oracle.Config(classes=4, dims=(12, 24, 48, 96), enc=(1, 1, 1, 1), dec=(1, 1, 1, 1), state=4)
weights = {k: v.bfloat16() for k, v in load_file("SynapseSet/weights.safetensors").items()}
save_file(weights, "SynapseSet/weights.safetensors", {"class_names": ",".join(NAMES), "image_size": str(SIZE), "dataset": "synapse"})
weights = {k: v.float() for k, v in weights.items()}

cross = ndimage.generate_binary_structure(3, 1)
expected, table = {}, {}
for name in volumes:
    with h5py.File(f"SynapseSet/test_vol_h5/{name}.npy.h5") as file: image, label = file["image"][:], file["label"][:]
    _, h, w = image.shape
    found = []
    for plane in image:
        with torch.no_grad(): logits = oracle.forward(weights, config, torch.from_numpy(zoom(plane, (SIZE / h, SIZE / w), order=3))[None, None])
        found.append(zoom(logits.argmax(1)[0].numpy().astype(np.uint8), (h / SIZE, w / SIZE), order=0))
    found = np.stack(found)
    expected[name] = torch.from_numpy(found.copy())
    table[name] = []
    for c in range(1, 4):
        a, b = found == c, label == c
        row = {"predicted": int(a.sum()), "labelled": int(b.sum()), "both": int((a & b).sum())}
        if a.any() and b.any():
            ea, eb = a ^ ndimage.binary_erosion(a, cross), b ^ ndimage.binary_erosion(b, cross)
            for unit, spacing in (("voxels", (1, 1, 1)), ("millimetres", (3, .5, .8))):
                d = np.hstack([ndimage.distance_transform_edt(~eb, spacing)[ea], ndimage.distance_transform_edt(~ea, spacing)[eb]])
                row[unit] = float(np.percentile(d, 95))
        table[name].append(row)
    print(name, table[name])
save_file(expected, "SynapseSet/expected.safetensors", {"scores": json.dumps(table)})
