#!/usr/bin/env bash
# The manual's recipe for a Slurm array job, for real: a cluster of this machine alone, one worker killed with SIGKILL and
# put back into the queue. Needs slurm-wlm and munge, and root.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
make_alone
mkdir state spool

# root owns all; munged insists on folders that others cannot write.
chmod 755 "$work"
dd if=/dev/urandom of=munge.key bs=1 count=1024 status=none
chmod 400 munge.key
munged --force --key-file="$work/munge.key" --socket="$work/munge.socket" --pid-file="$work/munged.pid" \
    --log-file="$work/munged.log" --seed-file="$work/munge.seed"
node=$(hostname -s)
export SLURM_CONF=$work/slurm.conf
cat >slurm.conf <<END
ClusterName=loopback
SlurmctldHost=$node(127.0.0.1)
SlurmctldPort=16817
SlurmdPort=16818
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$work/munge.socket
CryptoType=crypto/munge
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/spool
SlurmctldPidFile=$work/slurmctld.pid
SlurmdPidFile=$work/slurmd.pid
SlurmctldLogFile=$work/slurmctld.log
SlurmdLogFile=$work/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
ReturnToService=2
NodeName=$node NodeAddr=127.0.0.1 CPUs=$(nproc) State=UNKNOWN
PartitionName=all Nodes=$node Default=YES MaxTime=INFINITE State=UP
END
stop() {
    for name in slurmd slurmctld munged; do kill "$(cat "$work/$name.pid")" 2>/dev/null || true; done
    sleep 1
    rm -rf "$work"
}
trap stop EXIT
slurmctld
slurmd
for _ in $(seq 100); do [ "$(sinfo -h -o %T 2>/dev/null)" = idle ] && break || sleep 0.2; done
[ "$(sinfo -h -o %T)" = idle ] || { cat slurmctld.log slurmd.log; fail "the node is not idle"; }

cat >toons.sbatch <<END
#!/bin/bash
#SBATCH --array=1-4 --requeue --open-mode=append --output=$work/%a.txt
echo "task \$SLURM_ARRAY_TASK_ID, start \${SLURM_RESTART_COUNT:-0}"
"$PROGRAM" photos --recursive --max-pixels 4096 --steps 1 -o toons --quiet --threads 1 \\
    --shard \$SLURM_ARRAY_TASK_ID/\$SLURM_ARRAY_TASK_COUNT
# 6: some photos are broken. Killed from outside: once more.
status=\$?
[ \$status -lt 128 ] || scontrol requeue "\${SLURM_ARRAY_JOB_ID}_\$SLURM_ARRAY_TASK_ID"
exit \$status
END
sbatch --parsable --chdir="$work" toons.sbatch >job
kill_one_worker
for _ in $(seq 900); do
    # A task that was put back waits two minutes by Slurm's own rule; this test does not.
    for task in $(squeue -h -r -t PENDING -o %i); do scontrol update "JobId=$task" StartTime=now 2>/dev/null || true; done
    [ -n "$(squeue -h -r -o %i)" ] || break
    sleep 0.2
done
[ -z "$(squeue -h)" ] || fail "tasks are left: $(squeue)"
grep -h '^task' ./[1-4].txt | sort
grep -q 'start 1' ./[1-4].txt || fail "no task was put back"
check_shards
echo "Slurm array job: 4 tasks, one worker killed and put back; nothing lost, nothing made twice"
