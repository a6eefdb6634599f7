"""What is printed: neither a terminal nor a reader that goes may cost what was computed."""

import subprocess
import sys

import pytest

CODE = """
import logging, sys
from gans import streams
streams.install()
for i in range(100_000):
    print(i)
    print('→', file=sys.stderr)
logging.warning('more')
open(sys.argv[1], 'w').write('all is done')
"""


@pytest.mark.parametrize('which', ['stdout', 'stderr', 'both'])
def test_a_reader_that_goes_stops_nothing(which, tmp_path) -> None:
    """As behind `| head -1`; the pipe holds less than what is written."""
    out, other = (subprocess.PIPE, subprocess.DEVNULL)
    streams = {'stdout': out, 'stderr': other} if which == 'stdout' else {'stdout': other, 'stderr': out}
    streams = {'stdout': out, 'stderr': subprocess.STDOUT} if which == 'both' else streams
    process = subprocess.Popen([sys.executable, '-c', CODE, str(tmp_path / 'done')], **streams)
    pipe = process.stderr if which == 'stderr' else process.stdout
    assert pipe.readline()
    pipe.close()
    assert process.wait(timeout=60) == 0 and (tmp_path / 'done').read_text() == 'all is done'
