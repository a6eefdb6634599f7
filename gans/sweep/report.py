"""The report of one or more sweeps: results.csv, results.md and report.html."""

from pathlib import Path

from gans.errors import UserError
from gans.sweep import html, results, table


def report(folders: list[Path], out: Path) -> str:
    """Writes the report of the sweeps in `folders` into the folder `out`; the same sweeps give the same bytes.

    Returns:
        The line that tells where all is.

    Raises:
        UserError: a folder holds no sweep or no results; `out` cannot be written.
    """
    sweeps = results.read(folders)
    files = {
        'results.csv': results.to_csv(sweeps),
        'results.md': table.markdown(sweeps),
        'report.html': html.html(sweeps),
    }
    out = Path(out)
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            torn = out / f'{name}.tmp'
            torn.write_text(text, encoding='utf-8')
            torn.replace(out / name)
    except OSError as error:
        raise UserError(f'cannot write to {out}: {error.strerror or error}; choose another folder') from error
    rows = sum(len(sweep.rows) for sweep in sweeps)
    return f'report {out / "report.html"}  table {out / "results.md"}  values {out / "results.csv"}  of {rows} rows'
