"""The report of one or more sweeps: results.csv, results.md and report.html."""

from pathlib import Path

from gans.sweep import html, results, table
from gans.train import lock, workdir


def report(folders: list[Path], out: Path) -> str:
    """Writes the report of the sweeps in `folders` into the folder `out`; the same sweeps give the same bytes.

    Returns:
        The line that tells where all is.

    Raises:
        UserError: a folder contains no sweep or no results; `out` cannot be written.
    """
    out = Path(out)
    with lock.hold(out, wait=True):  # launches of single rows may end at once
        sweeps = results.read(folders)
        files = {
            'results.csv': results.to_csv(sweeps),
            'results.md': table.markdown(sweeps),
            'report.html': html.html(sweeps),
        }
        for name, text in files.items():
            workdir.write_text(out / name, text)
    rows = sum(len(sweep.rows) for sweep in sweeps)
    return f'report {out / "report.html"}  table {out / "results.md"}  values {out / "results.csv"}  of {rows} rows'
