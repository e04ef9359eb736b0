"Exercises of a notebook: the empty cell, the check, and the solutions and mistakes folded below it."
import re

from fastcore.xtras import modified_env, working_directory

FENCE = re.compile(r'```python\n(.*?)```', re.S)
MISTAKE = 'A mistake that looks right:'


def source(cell): return ''.join(cell.source)


def answers(text):
    "The solutions and the mistakes of a folded cell, as code."
    right, wrong = [], []
    for part in re.split(rf'(?={MISTAKE})', text):
        for code in FENCE.findall(part): (wrong if part.startswith(MISTAKE) else right).append(code)
    return right, wrong


def exercises(cells):
    "(number of the empty cell, its check, solutions, mistakes) of each exercise, in order."
    found = []
    for i, cell in enumerate(cells):
        if cell.cell_type != 'code' or not source(cell).startswith('#| exercise'): continue
        after = [c for c in cells[i+1:] if source(c).strip()]
        check, folded = after[0], after[1]
        assert 'with check(' in source(check), f'the check of an exercise stands right below it, not {source(check)!r}'
        assert source(folded).startswith('<details><summary>Solution'), 'the solution stands, folded, below the check'
        found.append((i, source(check), *answers(source(folded))))
    return found


def verdict(shell, code):
    "What a check prints."
    outputs = shell.run(code)
    if shell.exc: raise shell.exc
    return ''.join(''.join(o['text']) for o in outputs if o['output_type'] == 'stream')


def run(path, skip):
    "Run a notebook, in its folder, whose exercises are solved on the way; each check has to tell right from wrong."
    with modified_env(IN_TEST='1'), working_directory(path.parent): _run(path, skip)


def _run(path, skip):
    from execnb.nbio import read_nb
    from execnb.shell import CaptureShell
    nb, shell = read_nb(path), CaptureShell(path)
    asked = {i: rest for i, *rest in exercises(nb.cells)}
    checks = {check for check, *_ in asked.values()}
    for i, cell in enumerate(nb.cells):
        code = source(cell)
        if cell.cell_type != 'code' or skip(code) or code in checks: continue
        shell.run(code)
        if shell.exc: raise shell.exc
        if i not in asked: continue
        check, right, wrong = asked[i]
        assert 'not yet' in verdict(shell, check), f'{path.name}: an empty cell passes as a solution:\n{check}'
        assert right, f'{path.name}: no solution to\n{check}'
        for mistake in wrong:
            shell.run(mistake)
            assert 'not yet' in verdict(shell, check), f'{path.name}: this passes as a solution:\n{mistake}'
        for solution in right:
            shell.run(solution)
            if shell.exc: raise shell.exc
            said = verdict(shell, check)
            assert 'right.' in said, f'{path.name}: {said}{solution}'
