# Sourced after common.sh: a terminal in tmux, in which sessions are typed, and the comparison of what it shows with the
# captures in $captures, or with `--write` as this script's argument their keeping.
write=${1:-}
captures=${captures:-$here/sessions}
tmux() { command tmux -L "cartoonize-$$" -f /dev/null "$@"; }
trap 'tmux kill-server 2>/dev/null || true; rm -rf "$work"' EXIT
mkdir bin home
ln -s "$PROGRAM" bin/cartoonize
cat >rc <<END
PS1='\$ ' PATH=$work/bin:\$PATH HOME=$work/home
PROMPT_COMMAND='command tmux -L cartoonize-$$ wait-for -S prompt'
unset CARTOONIZE_MODEL CARTOONIZE_HOME HF_HOME HF_HUB_CACHE COLUMNS NO_COLOR
END

# Opens a terminal of so many columns in the folder `desk`.
open_terminal() {
    tmux new-session -d -s s -x "$1" -y 60 -c "$work/desk" "TERM=xterm exec bash --noprofile --rcfile '$work/rc' -i"
    prompt
}
type_line() { tmux send-keys -t s -l -- "$1"; tmux send-keys -t s Enter; }
# The command before is done, and its prompt stands on the screen.
prompt() {
    tmux wait-for prompt
    for _ in $(seq 200); do [ "$(tmux display-message -p -t s '#{cursor_x}')" != 2 ] || return 0; sleep 0.02; done
    fail "no prompt"
}
enter() { type_line "$1"; prompt; }
# Waits until the screen shows a text.
until_shown() {
    for _ in $(seq 600); do tmux capture-pane -p -t s | grep -qF -- "$1" && return; sleep 0.02; done
    tmux capture-pane -p -t s
    fail "never shown: $1"
}
# What else a script wants masked.
mask() { cat; }
screen() {
    tmux capture-pane -p -t s | sed -E -e "s#$root#/package#g; s#$work#/folder#g; s#127\.0\.0\.1:[0-9]+#127.0.0.1:\$port#g" \
        -e 's/about [0-9:.]+( s)? and [0-9.]+ [MG]B/about # and #/' \
        -e 's/[0-9]+\.[0-9]+ s/#.# s/g; s/[0-9]+:[0-9]{2}/#:##/g; s/ +[0-9.]+ MB/ #.# MB/g' \
        -e 's/"(read|load|text|encode|step|decode|write|total)":[0-9.e-]+/"\1":#/g; s/"peak_rss_bytes":[0-9]+/"peak_rss_bytes":#/' | mask |
        sed -E -e 's/Model hash: [0-9a-f]{10}/Model hash: ##########/' -e :a -e '/^\n*$/{$d;N;ba' -e '}'
}
keep() {  # keep NAME: what the screen shows, and the end of the terminal
    screen >"$1"
    tmux kill-session -t s
    if [ -n "$write" ]; then cp "$1" "$captures/$1"; else diff -u "$captures/$1" "$1" || fail "session $1"; fi
    echo "session ${1%.txt}"
}
