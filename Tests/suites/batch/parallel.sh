#!/usr/bin/env bash
# The manual's recipe for GNU parallel, for real: two logins over ssh to this machine, one worker killed with SIGKILL.
# Needs parallel, openssh-server and openssh-client.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
make_alone

ssh-keygen -q -t ed25519 -N '' -f host_key
ssh-keygen -q -t ed25519 -N '' -f user_key
cat >sshd_config <<END
Port 2222
ListenAddress 127.0.0.1
HostKey $work/host_key
AuthorizedKeysFile $work/user_key.pub
PidFile $work/sshd.pid
StrictModes no
UsePAM no
MaxSessions 20
END
mkdir -p /run/sshd
/usr/sbin/sshd -f "$work/sshd_config"
trap 'kill "$(cat "$work/sshd.pid")"; rm -rf "$work"' EXIT
login="ssh -p 2222 -i $work/user_key -o StrictHostKeyChecking=no -o UserKnownHostsFile=$work/known -o LogLevel=ERROR"

seq 4 | parallel --will-cite --jobs 1 --retries 3 --workdir "$work" \
    --sshlogin "1/$login 127.0.0.1" --sshlogin "1/$login localhost" \
    "$PROGRAM" photos --recursive --max-pixels 4096 --steps 1 -o toons --quiet --threads 1 --shard {}/4 \
    >made.txt 2>errors.txt &
run=$!
kill_one_worker
wait $run || true
check_shards
echo "GNU parallel over ssh: 4 shards, one worker killed and retried; nothing lost, nothing made twice"
