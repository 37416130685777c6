#!/usr/bin/env bash
# Sessions as a person at a terminal sees them, typed into tmux, beside the captures kept in `sessions/`.
#
#     Tests/suites/batch/sessions.sh            # compare
#     Tests/suites/batch/sessions.sh --write    # keep what is seen now
#
# Times, sizes and the program's folder are masked: they differ from machine to machine.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
source "$here/terminal.sh"
mask() { sed -E 's/[0-9]+ threads/# threads/; s/Landlock [0-9]+/Landlock #/'; }
# The same whatever the model's own settings.
cat >>rc <<'END'
quick='--seed 1 --steps 2 --sampler ddim --guidance 1 --size 64x64'
END

start() {  # start COLUMNS: a terminal in a folder with photos
    rm -rf desk
    mkdir -p desk/photos/sub
    cp "$root"/Tests/suites/smoke/photos/{cat,mountain}.jpg desk/photos
    cp "$root/Tests/suites/smoke/photos/astronaut.jpg" desk/photos/sub
    cp desk/photos/cat.jpg desk/photo.jpg
    head -c 3000 desk/photo.jpg >desk/broken.jpg
    open_terminal "$1"
}

start 110
enter 'cartoonize photo.jpg $quick'
enter 'cartoonize photo.jpg $quick -o out.png --instruction "Turn it into a pencil sketch"'
enter 'cat photo.jpg | cartoonize - -o - $quick --quiet > streamed.png'
enter 'cmp photo.cartoon.png streamed.png && cartoonize inspect out.png'
enter 'cartoonize photo.jpg -o again.png --size 64x64 --params-from out.png && cmp again.png out.png'
enter 'cartoonize photo.jpg $quick --count 3 --compare --quiet; ls'
keep one.txt

start 110
enter 'cartoonize photos/ -o toons/ --recursive $quick --dry-run'
enter 'cartoonize photos/ -o toons/ --recursive $quick --gallery'
enter 'cartoonize photos/ -o toons/ --recursive $quick'
enter 'cartoonize photos/ -o toons/ --recursive $quick -i "Turn it into a watercolor"'
enter 'ls -A toons toons/sub; wc -l < toons/cartoonize.jsonl'
enter 'cartoonize photos/ -r $quick --quiet --json | grep -o "\"output\":\"[^\"]*\""'
enter 'ls photos/*.jpg broken.jpg | cartoonize --files-from - -o other $quick; echo $?'
enter 'cartoonize photos/ -o toons/ -r $quick --shard 2/2'
keep batch.txt

# What the options do. Wide enough for a line of JSON, whose length differs.
start 600
enter 'cartoonize photo.jpg $quick --json'
enter 'cartoonize broken.jpg --json --quiet'
enter 'cartoonize photo.jpg $quick -o sketch.jpg --quality 85 --negative colours -i "Turn it into a pencil sketch" -v'
enter 'cartoonize inspect sketch.jpg; head -c 3 sketch.jpg | od -An -tx1'
enter 'cartoonize photo.jpg $quick -o jpeg.out --format jpeg -q; head -c 3 jpeg.out | od -An -tx1'
enter 'cartoonize photo.jpg --seed 1 --steps 2 -o small.png --max-pixels 4096 --sampler EulerAncestralDiscreteScheduler'
enter 'cartoonize photo.jpg -o steps.png --seed 1 --steps 4 --sampler ddim --size 64x64 --preview 2 -q; ls steps*'
enter 'cartoonize photo.jpg $quick --skip-existing; cartoonize photo.jpg $quick --force -q'
enter 'CARTOONIZE_MODEL=none cartoonize photo.jpg -m cartoonizer-mini --dry-run --seed 1; cartoonize --version'
enter 'cartoonize photos/ photo.jpg broken.jpg -o fast $quick --fail-fast -q; ls fast'
keep options.txt

# What is refused, and with what advice.
start 110
cp desk/photo.jpg desk/photo.png
enter 'cartoonize photo.jpg -o photo.jpg --force'
enter 'cartoonize photo.jpg photo.png -o toons $quick'
enter 'cartoonize photo.jpg photo.png -o toons.png $quick'
enter 'cartoonize photo.jpg -o - '
enter 'cartoonize photo.jpg -o picture.gif'
enter 'cartoonize photo.jpg -o nowhere/picture.png'
enter 'cartoonize photo.jpg -o toon.png --quality 85'
enter 'cartoonize photo.jpg --steps 0'
enter 'cartoonize photo.jpg --sampler eular'
enter 'cartoonize photo.jpg --size 640'
enter 'cartoonize photos --shard 5/4'
enter 'cartoonize -'
enter 'cartoonize nobody.jpg'
enter 'cartoonize photos/sub/no'
enter 'cartoonize inspct photo.jpg'
enter 'cartoonize --params-from photo.jpg photo.jpg'
enter 'CARTOONIZE_MODEL=none cartoonize photo.jpg 2>&1 | cut -c -40'
enter 'cartoonize'
enter 'ls -A'
keep refusals.txt

# What people type at first who know ImageMagick, rembg, Real-ESRGAN and ffmpeg, stable-diffusion.cpp, and diffusers and the
# web interfaces.
start 600
quick='--seed 1 --steps 2 --size 64x64'
enter 'cartoonize photo.jpg out.png'
enter 'cartoonize photos/*.jpg out.png'
enter 'cartoonize i photo.jpg out.png'
enter 'cartoonize p photos toons'
enter 'cartoonize < photo.jpg > out.png'
enter 'cartoonize -i photo.jpg -o out.png'
enter "cartoonize -M img_gen -i photo.jpg -p 'a pencil sketch' -o sd.png $quick"
enter "cartoonize photo.jpg -p 'a pencil sketch' --cfg-scale 1 --sampling-method euler_a -H 64 -W 64 -s 1 --steps 2 -o sd.png"
enter "cartoonize photo.jpg --prompt 'a pencil sketch' --num_inference_steps 2 --image_guidance_scale 1 --scheduler EulerAncestralDiscreteScheduler --seed -1 --size 64x64 -o df.png -q"
enter 'cartoonize photo.jpg --strength 0.7 --device cuda'
enter 'cartoonize photo.jpg --width 512'
enter 'cartoonize --model timbrooks/instruct-pix2pix photo.jpg 2>&1 | grep -o "no model [^;]*;\|.cartoonize pull.*"'
enter 'ls -A'
keep newcomers.txt

# A bar in a terminal that grows narrow, and plain lines where there can be no bar.
start 100
type_line 'cartoonize photos/ -o toons -r --seed 1 --steps 40 --sampler ddim --guidance 1 --size 32x32'
until_shown '2/3 mountain.jpg'
tmux resize-window -t s -x 60 -y 60
# From its next drawing on the bar fits.
fits() { tmux capture-pane -p -t s | grep -v '^ *$' | tail -1 | grep -Eq '^[0-9]+/[0-9]+ .*ETA'; }
for _ in $(seq 200); do ! fits || break; sleep 0.05; done
fits || fail "the bar does not fit its window"
prompt
tmux resize-window -t s -x 110 -y 60
enter 'clear'
enter 'TERM=dumb cartoonize photos/ -o dumb -r $quick >paths'
enter 'cat paths'
enter 'NO_COLOR=1 cartoonize photo.jpg -o x.png $quick 2>&1 | cat'
keep lines.txt

# Every exit status.
start 110
# A model whose autoencoder holds no numbers.
cp -RL "$root/Models/cartoonizer-mini" desk/nan
weights=desk/nan/vae/diffusion_pytorch_model.safetensors
head -c 204800 /dev/zero | tr '\0' '\377' |
    dd of=$weights conv=notrunc status=none oflag=seek_bytes seek=$(($(stat -c %s $weights) - 204800))
enter 'cartoonize photo.jpg $quick --quiet; echo $?'
enter 'cartoonize photo.jpg $quick --quiet -o y.png --model ./nan; echo $?'
enter 'cartoonize photo.jpg --stpes 3; echo $?'
enter 'cartoonize photo.jpg --model cartoonizr-mini 2>&1 | cut -c -60; echo ${PIPESTATUS[0]}'
enter 'cartoonize broken.jpg; echo $?'
enter 'cartoonize photo.jpg; echo $?'
enter 'cartoonize photo.jpg -o /dev/full --quiet --size 32x32; echo $?'
enter 'cartoonize photo.jpg broken.jpg -o toons $quick --quiet; echo $?'
type_line 'cartoonize photo.jpg -o slow.png --seed 1 --steps 1000 --size 64x64 --sampler ddim --guidance 1'
until_shown '/1000'
tmux send-keys -t s C-c
prompt
enter 'echo $?; ls -A'
enter 'timeout --preserve-status -s TERM 1 cartoonize photo.jpg -o slow.png --steps 1000 --quiet; echo $?'
enter 'cartoonize photo.jpg -o - --quiet --size 32x32 | true; echo ${PIPESTATUS[0]}'
keep statuses.txt
