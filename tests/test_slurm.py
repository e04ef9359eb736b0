"A study through a real Slurm: tasks killed, requeued and cancelled, a node lost, and the same table as a local run."
import os, signal, subprocess, sys, time

import psutil
import pytest
import slurm_cluster

from dl_ops_bench.store import read_records

reason = (f"Slurm: {', '.join(slurm_cluster.missing())} not installed" if slurm_cluster.missing() else
          'Slurm: the test starts its daemons as root' if os.geteuid() else '')
pytestmark = pytest.mark.skipif(bool(reason), reason=reason)
pytest.importorskip('submitit', reason='Slurm: submitit is not installed')

STUDY = ['run', 'quick', '--set', 'model=resnet18,dummy,linear,svm_rbf,svm_poly', '--set', 'deterministic=true',
         '--set', 'train_fraction=0.5', '--set', 'epochs=3']
SLURM = ['--engine', 'slurm', '--device', 'cpu', '--slurm', 'timeout_min=30', '--slurm', 'cpus_per_task=1']


def command(*args): return [sys.executable, '-c', 'from dl_ops_bench.cli import main; main()', *map(str, args)]


def workers(cluster):
    "Processes of running tasks."
    return [p for p in psutil.process_iter(['cmdline']) if 'submitit.core._submit' in ' '.join(p.info['cmdline'] or [])
            and str(cluster.folder) in ' '.join(p.info['cmdline'])]


@pytest.mark.timeout(400)
def test_study_on_a_cluster(tmp_path):
    threads = dict(OMP_NUM_THREADS='1')
    subprocess.run(command(*STUDY, '--out', tmp_path/'local'), check=True, env={**os.environ, **threads})
    with slurm_cluster.Cluster() as cluster:
        cluster.folder = tmp_path/'cluster'
        env = {**cluster.env, **threads}
        again = lambda: subprocess.Popen(command(*STUDY, *SLURM, '--out', cluster.folder), env=env,
                                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        nowhere = command(*STUDY, *SLURM, '--slurm', 'slurm_partition=nowhere', '--out', tmp_path/'refused')
        refused = subprocess.run(nowhere, env=env, capture_output=True, text=True, timeout=100)
        says = refused.stderr
        assert refused.returncode == 2 and 'Slurm refuses the job' in says and 'Traceback' not in says, says
        first = again()
        cluster.until_running(2)
        end = time.monotonic() + 60
        while not workers(cluster) and time.monotonic() < end: time.sleep(0.2)
        killed = workers(cluster)[0]
        for p in [*killed.children(recursive=True), killed]: p.send_signal(signal.SIGKILL)
        cluster.until_running(2)
        requeued = cluster.tasks('RUNNING')[0]
        assert cluster.run('scontrol', 'requeue', requeued).returncode == 0
        pending = cluster.tasks('PENDING')
        assert cluster.run('scancel', pending[-1]).returncode == 0
        cluster.down('n2')
        text, _ = first.communicate(timeout=150)
        assert first.returncode == 75 and 'give the same command again' in text and 'Traceback' not in text, text

        cluster.up('n2')
        cluster.run('scontrol', 'update', 'NodeName=n2', 'State=RESUME')
        second = again()
        text, _ = second.communicate(timeout=150)
        assert second.returncode == 0 and 'report: ' in text, text

    def answers(folder): return [(r.trial, r.status, r.metrics, r.confusion) for r in read_records(tmp_path/folder)]
    assert answers('local') == answers('cluster') and answers('local')
