#!/usr/bin/env bash
# Trains on an NVIDIA GPU for as long as there is time, one configuration after the other, then scores the best weights.
#
#   Benchmarks/gpu/train.sh TOOL DATA OUTPUT SECONDS:CONFIG.yaml…
#
# Each run is interrupted after its seconds, which saves it, and leaves in OUTPUT: NAME/ (the run), NAME.safetensors (its best weights in bfloat16)
# and NAME.json (their scores). TRAIN_OPTIONS are passed to `train` (default: --device cuda --precision bf16 --compile-graph).
set -uo pipefail
[ $# -ge 4 ] || { sed -n '2,7s/^# \{0,1\}//p' "$0" >&2 && exit 64; }
tool=$1 data=$2 output=$3
shift 3
mkdir -p "$output"
read -ra options <<<"${TRAIN_OPTIONS---device cuda --precision bf16 --compile-graph}"
device=cuda
case " ${options[*]} " in *" --device cpu "*) device=cpu ;; esac
status=0
for job; do
    seconds=${job%%:*} config=${job#*:}
    name=$(basename "$config" .yaml)
    echo "train.sh: $name, $seconds s" >&2
    timeout --signal=INT --kill-after=30 "$seconds" "$tool" train --config "$config" --data "$data" --run "$output/$name" "${options[@]}"
    code=$?
    # 130: interrupted and saved; 124: timeout's word for it
    case $code in 0 | 124 | 130) ;; *) echo "train.sh: $name ended with status $code" >&2 && status=70 && continue ;; esac
    "$tool" convert --bf16 "$output/$name/checkpoints/best.safetensors" "$output/$name.safetensors" &&
        "$tool" evaluate --weights "$output/$name.safetensors" --data "$data" --dataset isic17 --device $device --json "$output/$name.json" >/dev/null || status=70
done
exit $status
