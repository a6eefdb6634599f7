"""The report of one or more sweeps: results.csv, results.md, results.tex, report.html, and grid.png of a grid."""

from pathlib import Path

from gans import pictures
from gans.sweep import html, latex, markdown, plots, results
from gans.sweep.table import table
from gans.training import lock, workdir


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
        whole = table(sweeps)
        files = {
            'results.csv': results.to_csv(sweeps),
            'results.md': markdown.markdown(sweeps, whole),
            'results.tex': latex.latex(sweeps, whole),
            'report.html': html.html(sweeps, whole),
        }
        for name, text in files.items():
            workdir.write_text(out / name, text)
        picture, place = plots.grid(whole), out / 'grid.png'
        if picture is None:
            place.unlink(missing_ok=True)
        else:
            pictures.save_png(place, picture)
    found = {'report': 'report.html', 'table': 'results.md', 'LaTeX': 'results.tex', 'values': 'results.csv'}
    found |= {} if picture is None else {'picture': 'grid.png'}
    rows = sum(len(sweep.rows) for sweep in sweeps)
    return '  '.join(f'{what} {out / name}' for what, name in found.items()) + f'  of {rows} rows'
