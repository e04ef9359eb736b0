"A real Slurm of two nodes on this machine, for as long as a `with` lasts."
import contextlib, os, shutil, socket, stat, subprocess, tempfile, time
from pathlib import Path

PROGRAMS = ('munged', 'munge', 'slurmctld', 'slurmd', 'sbatch', 'squeue', 'scontrol', 'scancel', 'sinfo')


def missing(): return [p for p in PROGRAMS if not shutil.which(p, path=os.environ['PATH'] + ':/usr/sbin:/sbin')]


def _ports(n):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(n)]
        for s in sockets: s.bind(('127.0.0.1', 0))
        return [s.getsockname()[1] for s in sockets]


def _until(done, seconds, what):
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end: raise RuntimeError(f'{what} did not happen within {seconds} s')
        time.sleep(0.2)


# submitit asks sacct for states; without accounting squeue knows them too, except of an array's task that was cancelled
# before it ran: that one is gone from squeue, and known by having been there.
SACCT = """#!/bin/sh
echo 'JobID|State|NodeList'
now=$(squeue -h -t all -r -o '%i|%T|%N') || exit 1
echo "$now"
echo "$now" | cut -d'|' -f1 | sort -u - {top}/seen > {top}/seen.new.$$ && mv {top}/seen.new.$$ {top}/seen
echo "$now" | cut -d'|' -f1 | sort -u | comm -13 - {top}/seen | sed 's/$/|CANCELLED|/'
"""

CONF = """ClusterName=test
SlurmUser=root
SlurmctldHost=localhost
SlurmctldPort={ctld}
AuthType=auth/munge
AuthInfo=socket={top}/munge.socket,cred_expire=5
StateSaveLocation={top}/state
SlurmctldPidFile={top}/run/slurmctld.pid
SlurmctldLogFile={top}/log/slurmctld
SlurmdPidFile={top}/run/slurmd.%n.pid
SlurmdLogFile={top}/log/slurmd.%n
SlurmdSpoolDir={top}/spool/%n
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
JobAcctGatherType=jobacct_gather/none
KillWait=3
MinJobAge=86400
ReturnToService=1
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
GresTypes=gpu
NodeName=n1 NodeHostname=localhost NodeAddr=127.0.0.1 Port={n1} CPUs=2 Gres=gpu:2
NodeName=n2 NodeHostname=localhost NodeAddr=127.0.0.1 Port={n2} CPUs=2 Gres=gpu:2
PartitionName=main Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP
"""


class Cluster:
    "Munge, the controller and two nodes with two pretended GPUs each."
    def __enter__(self):
        self.top = Path(tempfile.mkdtemp(prefix='slurm-'))
        self.top.chmod(0o755)
        for d in ('state', 'log', 'run', 'spool/n1', 'spool/n2', 'bin', 'dev'): (self.top/d).mkdir(parents=True)
        ports = dict(zip(('ctld', 'n1', 'n2'), _ports(3)))
        (self.top/'slurm.conf').write_text(CONF.format(top=self.top, **ports))
        (self.top/'cgroup.conf').write_text('CgroupPlugin=cgroup/v1\n')
        for i in range(2): os.mknod(self.top/f'dev/gpu{i}', 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        (self.top/'gres.conf').write_text(f'NodeName=n[1-2] Name=gpu File={self.top}/dev/gpu[0-1]\n')
        (self.top/'seen').touch()
        (self.top/'bin/sacct').write_text(SACCT.format(top=self.top))
        (self.top/'bin/sacct').chmod(0o755)
        key = self.top/'munge.key'
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        self.env = dict(os.environ, SLURM_CONF=f'{self.top}/slurm.conf',
                        PATH=f"{self.top}/bin:{os.environ['PATH']}:/usr/sbin:/sbin")
        self.daemons = {}
        try: self._start(key)
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start(self, key):
        t = self.top
        self._daemon('munged', '--foreground', '--force', f'--socket={t}/munge.socket', f'--key-file={key}',
                     f'--pid-file={t}/run/munged.pid', f'--log-file={t}/log/munged', f'--seed-file={t}/run/munged.seed')
        _until(lambda: self.run('munge', '-S', f'{t}/munge.socket', '-n').returncode == 0, 10, 'munge')
        self._daemon('slurmctld', '-D')
        for n in ('n1', 'n2'): self.up(n)
        states = lambda: self.run('sinfo', '-h', '-N', '-o', '%t').stdout.split()
        _until(lambda: states() == ['idle', 'idle'], 30, 'two idle nodes')

    def _daemon(self, *command, name=None):
        log = open(self.top/'log'/f'{name or command[0]}.out', 'ab')
        self.daemons[name or command[0]] = subprocess.Popen(command, env=self.env, stdout=log, stderr=log)

    def run(self, *command): return subprocess.run(command, env=self.env, capture_output=True, text=True)

    def up(self, node): self._daemon('slurmd', '-D', '-N', node, name=node)

    def down(self, node):
        "The node vanishes, with all that runs on it."
        self.daemons[node].kill()
        self.daemons.pop(node).wait()
        self.run('scontrol', 'update', f'NodeName={node}', 'State=DOWN', 'Reason=test')

    def tasks(self, state):
        "Ids of the tasks in a state such as RUNNING."
        return self.run('squeue', '-h', '-r', '-t', state, '-o', '%i').stdout.split()

    def until_running(self, n=1): _until(lambda: len(self.tasks('RUNNING')) >= n, 60, f'{n} running tasks')

    def __exit__(self, *_):
        self.run('scancel', '--user=root')
        queue = lambda: self.run('squeue', '-h').stdout.strip()
        with contextlib.suppress(RuntimeError): _until(lambda: not queue(), 15, 'an empty queue')
        for p in reversed(list(self.daemons.values())):
            p.terminate()
            try: p.wait(10)
            except subprocess.TimeoutExpired: p.kill()
        shutil.rmtree(self.top, ignore_errors=True)
