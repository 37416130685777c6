#!/usr/bin/env bash
# Sessions with photos on the web and with models (pull, convert, models, inspect, verify), typed into a terminal, beside
# the captures kept in `sessions/`. Hub and photo server are `serve.py`, on this machine.
#
#     Tests/suites/hub/sessions.sh            # compare
#     Tests/suites/hub/sessions.sh --write    # keep what is seen now
hub=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
captures=$hub/sessions
source "$hub/../batch/common.sh"
source "$here/terminal.sh"
mkdir -p "$captures"
coproc SERVER { "$PYTHON" "$hub/serve.py" "$root/Tests/StableDiffusionTests/Fixtures/tiny-sd"; }
read -r endpoint web <&"${SERVER[0]}"
cat >>rc <<END
export HF_ENDPOINT=$endpoint HF_TOKEN=hf_secret WEB=$web
quick='--seed 1 --steps 2 --sampler ddim --guidance 1 --size 64x64'
END

start() {  # start COLUMNS: a terminal in a folder with a photo, a single file of weights, and one that would run a command
    rm -rf desk
    mkdir -p desk
    cp "$root/Tests/suites/smoke/photos/cat.jpg" desk/photo.jpg
    cp "$root/Tests/CheckpointsTests/Fixtures/original.ckpt" desk/single.ckpt
    "$PYTHON" -c 'import os, pickle, sys, zipfile
class Hostile:
    def __reduce__(self): return (os.system, ("touch ran",))
with zipfile.ZipFile(sys.argv[1], "w") as f: f.writestr("archive/data.pkl", pickle.dumps({"a": Hostile()}, 2))' desk/hostile.ckpt
    open_terminal "$1"
}
# Sizes, rates and the model's own numbers change with every training.
mask() { sed -E 's/[0-9]+(\.[0-9]+)? (B|kB|MB|GB)\b/# MB/g; s/ +# MB/ # MB/g; s/[0-9.]+ M parameters/# M parameters/'; }

start 110
enter 'cartoonize $WEB/cat.jpg $quick'
enter 'cartoonize $WEB/moved -o image.png $quick'
enter 'cartoonize photo.jpg $quick -q && cmp photo.cartoon.png cat.cartoon.png && cmp photo.cartoon.png image.png'
enter 'cartoonize $WEB/missing.jpg?token=secret; echo $?'
enter 'cartoonize $WEB/page.jpg; echo $?'
enter 'cartoonize https://nowhere.invalid/photo.jpg -o x.png; echo $?'
enter 'cartoonize file:///etc/hostname; echo $?'
enter 'printf "%s\n" $WEB/cat.jpg $WEB/missing.jpg photo.jpg | cartoonize --files-from - -o toons $quick; echo $?'
enter 'ls -A . toons'
keep web.txt

start 240
enter 'cartoonize models'
enter 'cartoonize pull org/model --dry-run'
enter 'cartoonize pull org/model'
enter 'cartoonize models'
enter 'cartoonize pull org/model'
enter 'HF_HUB_OFFLINE=1 cartoonize pull; echo $?'
enter 'cartoonize pull org/nothing; echo $?'
enter 'HF_TOKEN= cartoonize pull org/other; echo $?'
enter 'cartoonize pull ../etc; echo $?'
keep pull.txt

start 240
enter 'cartoonize photo.jpg --model model $quick'
enter 'cartoonize inspect model'
enter 'cartoonize verify model'
enter 'cartoonize models --json | head -1'
keep model.txt

start 240
enter 'cartoonize convert single.ckpt folder'
enter 'cartoonize convert single.ckpt folder; echo $?'
enter 'cartoonize convert single.ckpt averaged --ema --dtype float32 -q; ls averaged'
enter 'cartoonize inspect single.ckpt | head -2'
enter 'cartoonize inspect folder/unet/diffusion_pytorch_model.safetensors --tensors | head -4'
enter 'for command in "inspect hostile.ckpt" "convert hostile.ckpt x" "photo.jpg --model hostile.ckpt"; do cartoonize $command; echo $?; done; ls'
enter 'cp -R ~/.local/share/cartoonize/models/org/model copy'
enter 'cartoonize verify ./copy --record -q; cartoonize verify ./copy | tail; head -c 100 photo.jpg >>copy/vae/config.json'
enter 'cartoonize verify ./copy; echo $?'
enter 'cartoonize photo.jpg --model ./copy $quick; echo $?'
enter 'cartoonize inspect photo.jpg; cartoonize inspect nothing; echo $?'
keep convert.txt
exec {SERVER[1]}>&-
