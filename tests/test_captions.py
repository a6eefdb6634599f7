"""Images of users with captions: layouts, splits, vocabulary, and what is said of mistakes."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image

from gans.data import blank, captions, load, words
from gans.data.feed import examples, fixed_key
from gans.errors import UserError
from gans.ops.random import example_keys
from gans.training import graft


def put(root: Path, files: Mapping[str, str | None]) -> Path:
    """Files of a folder: texts, and pictures of 8 x 8 pixels, each of a brightness of its own."""
    for i, (name, text) in enumerate(files.items()):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if text is None:
            Image.new('RGB', (8, 8), (i, i, i)).save(path)
        else:
            path.write_text(text, encoding='utf-8')
    return root


@pytest.fixture
def said(tmp_path, caplog):
    """Makes a folder of files and loads it; gives the set and the lines of the log."""

    def loaded(files: Mapping[str, str | None], **options):
        caplog.clear()
        root = put(tmp_path / 'set', files)
        caching = {'size': 8, 'cache': str(tmp_path / 'cache'), **options}
        source = load.load({'name': f'captions:{root}', **caching})
        return source, [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]

    return loaded


def told(source) -> list[set[str]]:
    """The captions of each example, as words."""
    known = source.spec.fields['caption'].classes
    rows = zip(source.arrays['captions'], source.arrays['count'], strict=True)
    return [{' '.join(known[i] for i in row if i) for row in some[:count]} for some, count in rows]


BESIDE = {
    'a.png': None, 'a.txt': 'A red bird.\n\nbird with red wings\n', 'b.png': None, 'b.txt': 'A blue Bird',
}  # fmt: skip


def test_text_files_lie_beside_their_images(said) -> None:
    source, lines = said({'a.png': None, 'a.txt': BESIDE['a.txt']})
    assert told(source) == [{'a red bird', 'bird with red wings'}] and not lines
    assert source.spec.fields['caption'].shape == (18,)
    found = examples(source, 2, fixed_key())
    assert found['caption'].shape == (2, 18) and found['real'].shape == (2, 8, 8, 3)
    seen = {'flip': True, 'random_crop': 6, 'on_device_max_mb': 0}
    streamed, _ = said({}, **seen)
    other = examples(streamed, 2, fixed_key())
    assert streamed.placement == 'streamed' and streamed.digest == source.digest
    assert other['real'].shape == (2, 6, 6, 3) and np.array_equal(other['caption'], found['caption'])


TABLE = 'file,caption,split\na.png,"red, bird",train\na.png,a bird,train\nsub/b.png,green bird,test\n'
LINES = '{"file": "a.png", "caption": ["red bird", "a bird"], "split": "train"}\n\n' \
        '{"file": "b.png", "caption": "green bird", "split": "test"}\n'  # fmt: skip
COCO = lambda name, number, said: json.dumps(
    {'images': [{'id': number, 'file_name': name}], 'annotations': [{'image_id': number, 'caption': x} for x in said]}
)


@pytest.mark.parametrize(
    ('files', 'options'),
    [
        ({'a.png': None, 'sub/b.png': None, 'said.csv': TABLE}, {}),
        ({'a.png': None, 'sub/b.png': None, 'said.jsonl': LINES}, {}),
        (
            {'images/train/a.png': None, 'images/test/b.png': None,
             'text/train/a.txt': 'red bird\na bird', 'text/test/b.txt': 'green bird'},
            {'images': 'images', 'captions': 'text'},
        ),
        (
            {'train2014/a.png': None, 'val2014/b.png': None,
             'annotations/captions_train2014.json': COCO('a.png', 7, ['red bird', 'a bird']),
             'annotations/captions_val2014.json': COCO('b.png', 7, ['green bird'])},
            {'captions': 'annotations/captions_*.json'},
        ),
    ],
    ids=['csv', 'jsonl', 'tree', 'coco'],
)  # fmt: skip
def test_layouts_tell_the_same(said, files, options) -> None:
    """And the vocabulary is that of 'train': of the captions of 'test' the unknown words are left out, and said."""
    train, lines = said(files, **options)
    assert told(train) == [{'red bird', 'a bird'}] and train.spec.fields['caption'].classes == ('', 'bird', 'a', 'red')
    assert not lines and not train.spec.classes
    test, lines = said(files, split='test', **options)
    assert told(test) == [{'bird'}] and test.spec.fields['caption'] == train.spec.fields['caption']
    assert len(lines) == 1 and "1 words of" in lines[0] and lines[0].endswith("left out: 'green'")
    assert test.arrays['real'][0, 0, 0, 0] == 1 and test.digest != train.digest


def test_an_eighth_is_held_out_and_folders_are_classes(said) -> None:
    files = {f'{kind}/{i}.{end}': 'bird' if end == 'txt' else None
             for kind in 'ab' for i in range(8) for end in ('png', 'txt')}  # fmt: skip
    parts = [said(files, split=split)[0] for split in ('train', 'test', 'all')]
    assert [part.size for part in parts] == [14, 2, 16] and parts[0].spec.classes == ('a', 'b')
    shades = [set(part.arrays['real'][:, 0, 0, 0].tolist()) for part in parts]
    assert not shades[0] & shades[1] and shades[0] | shades[1] == shades[2]


def test_a_class_may_be_called_train_and_who_is_in_no_split_is_told(said) -> None:
    files = {f'{kind}/{i}.{end}': 'bird' if end == 'txt' else None
             for kind in ('car', 'train') for i in range(2) for end in ('png', 'txt')}  # fmt: skip
    source, lines = said(files, split='all')
    assert source.size == 4 and source.spec.classes == ('car', 'train') and not lines
    source, lines = said({'test/0.png': None, 'test/0.txt': 'bird'})
    assert source.size == 2 and not source.spec.classes
    assert len(lines) == 1 and lines[0].startswith('2 images in') and "neither 'train' nor 'test'" in lines[0]


def test_classes_may_be_held_out(said) -> None:
    """As of CUB-200, whose captions come with a list of them."""
    files = {f'images/{kind}/{i}.png': None for kind in ('gull', 'wren') for i in range(2)}
    files |= {f'text/{kind}/{i}.txt': f'a {kind}' for kind in ('gull', 'wren') for i in range(2)}
    files['testclasses.txt'] = 'wren\n'
    train, _ = said(files, images='images', captions='text')
    test, lines = said(files, images='images', captions='text', split='test')
    assert told(train) == [{'a gull'}] * 2 and told(test) == [{'a'}] * 2 and "left out: 'wren'" in lines[0]
    assert train.arrays['label'].tolist() == [0, 0] and test.arrays['label'].tolist() == [1, 1]


def test_a_vocabulary_may_be_cut_and_outlined(said, tmp_path) -> None:
    source, _ = said({'a.png': None, 'a.txt': 'red bird\nblue bird'}, vocabulary=2)
    assert source.spec.fields['caption'].classes == ('', 'bird', 'blue') and told(source) == [{'bird', 'blue bird'}]
    outlined = load.load({'name': f'captions:{tmp_path}/none', 'vocabulary': 5_449}, outlined=True)
    assert outlined.absent and len(outlined.spec.fields['caption'].classes) == 5_450


def test_tables_as_people_and_programs_write_them(said, tmp_path) -> None:
    """A blank behind the comma, another path than that of the images, a file elsewhere, U+2028, accents of macOS."""
    files = {'images/a.png': None, 'images/b.png': None}
    table = put(tmp_path, {'captions_latest.csv': 'file, caption\n./images/a.png, "a, b"\nb.png, a b\n'})
    source, lines = said(files, images='images', split='all', captions=str(table / 'captions_latest.csv'))
    assert told(source) == [{'a b'}, {'a b'}] and not lines
    said_of = [{'file': 'a.png', 'caption': 'caf\u00e9\u2028a'}, {'file': 'b.png', 'caption': 'cafe\u0301 a'}]
    text = '\n'.join(json.dumps(row, ensure_ascii=False) for row in said_of)
    source, lines = said({'x.jsonl': text}, images='images', split='all')
    assert told(source) == [{'caf\u00e9 a'}] * 2 and not lines
    source, lines = said({'captions_latest.json': COCO('a.png', 1, ['a'])}, images='images',
                         captions='captions_latest.json')  # fmt: skip
    assert told(source) == [{'a'}]  # of no split, whatever 'latest' has in it


def test_of_a_long_caption_words_are_drawn_in_their_order(said) -> None:
    _, lines = said({'a.png': None, 'a.txt': 'one two three four five', 'b.png': None, 'b.txt': 'six'}, words=3,
                    split='all')  # fmt: skip
    assert "have more than data.words=3 words (the longest 5)" in lines[-1]
    captions = np.repeat([[1, 2, 3, 4, 5], [6, 7, 0, 0, 0], [8, 9, 1, 0, 0]], 40, 0).astype(np.int32)
    draw = jax.jit(lambda numbers: words.draw_words(captions, example_keys(jax.random.key(0), numbers), 3))
    found = np.asarray(draw(np.arange(120)))
    assert (np.diff(found[:40], axis=1) > 0).all()
    assert len({tuple(row) for row in found[:40].tolist()}) > 5 and set(found[:40].ravel()) == {1, 2, 3, 4, 5}
    assert (found[40:80] == [6, 7, 0]).all() and (found[80:] == [8, 9, 1]).all()


def test_what_is_left_out_is_said(said) -> None:
    files = {**BESIDE, 'c.png': None, 'test/d.png': None, 'test/d.txt': 'zebra\nred thing', 'test/e.png': None,
             'test/e.txt': 'yellow?', 'train/f.png': None, 'train/f.txt': 'red bird'}  # fmt: skip
    source, lines = said(files, split='test')
    assert told(source) == [{'red'}]
    assert any("1 images in" in line and line.endswith("left out: 'c.png'") for line in lines)
    assert any("3 words of" in line and "'zebra', 'thing', 'yellow'" in line for line in lines)
    assert any(line == "2 captions without a known word are left out: 'zebra', 'yellow?'" for line in lines)
    with pytest.raises(UserError, match=r"c\.png' has no caption; write one"):
        said(files, strict=True)
    _, lines = said({'said.csv': 'file,caption\na.png,a bird\nb.png,a bird\nmissing.png,b\n'})
    assert any("captions of 1 files that are no image" in line and "'missing.png'" in line for line in lines)


@pytest.mark.parametrize(
    ('files', 'options', 'line'),
    [
        ({'a.png': None}, {}, 'none of the 1 images in .* has a caption: put a .txt beside each'),
        ({'a.png': None, 'a.txt': ''}, {}, 'has a caption: put a .txt beside each'),
        ({'a.txt': 'a'}, {}, 'no image lies in .*: say in data.images'),
        ({'a.png': None, 'x.csv': 'name,text\na.png,b'}, {}, 'must have the columns file and caption .* name, text'),
        ({'a.png': None, 'x.csv': 'file,caption\na.png,"a\nb"\na.png,red, blue'}, {},
         'line 4 of .* has more than its 2 columns: put captions that have commas in double quotes'),
        ({'a.png': None, 'x.csv': 'file,caption\na.png,a\na.png,"a\na.png,b'}, {},
         'x.csv. is no CSV from line 3 on, where a quote may be left open'),
        ({'a.png': None}, {'captions': '/none/x.csv'}, 'data.captions=/none/x.csv: .* has no such file or folder'),
        ({'a.png': None, 'x.jsonl': '{"file": 3}'}, {}, 'line 1 of .* must be {"file": NAME'),
        ({'a.png': None, 'x.jsonl': '{"file'}, {}, 'x.jsonl. is no JSON .line 1.'),
        ({'a.png': None, 'x.json': '{"images": []}'}, {'captions': 'x.json'}, "is not as COCO's captions are"),
        ({'a.png': None, 'x.csv': '', 'y.csv': ''}, {}, 'has 2 tables .x.csv, y.csv.: say in data.captions'),
        ({'a.png': None, 'x.md': 'a'}, {'captions': 'x.md'}, 'is no file of captions; wanted is a folder, or .csv'),
        ({'a.png': None}, {'captions': 'text'}, 'data.captions=text: .* has no such file or folder'),
        ({'a.png': None}, {'images': 'jpg'}, 'there is no folder .*data.images=jpg'),
        ({'a.png': None, 'x.csv': 'file,caption,split\na.png,b,dev'}, {}, "unknown split of 'a.png'"),
        ({'train/a.png': None, 'train/a.txt': 'red', 'test/b.png': None, 'test/b.txt': 'blue'}, {'split': 'test'},
         "no caption has a word of the vocabulary of 1 words; the first is 'blue'"),
        ({'test/b.png': None, 'test/b.txt': 'blue'}, {}, "is in 'train': take another split"),
        ({'a.png': None, 'a.txt': 'a', 'testclasses.txt': 'finch\n'}, {},
         "no image of a class of .*testclasses.txt' has captions, such as 'finch'"),
        (BESIDE, {'vocabulary': 0}, 'data.vocabulary is 0; it must be a whole number'),
        (BESIDE, {'words': 0}, 'data.words is 0; it must be a whole number'),
        (BESIDE, {'split': 'dev'}, 'data.split'),
    ],
)  # fmt: skip
def test_mistakes_are_told(said, files, options, line) -> None:
    with pytest.raises(UserError, match=line) as error:
        said(files, **options)
    assert '\n' not in str(error.value)


def test_a_file_of_another_encoding_is_named(said, tmp_path) -> None:
    put(tmp_path / 'set', BESIDE)
    (tmp_path / 'set' / 'a.txt').write_bytes('caf\xe9'.encode('latin-1'))
    with pytest.raises(UserError, match=r"a\.txt' is not UTF-8 \(byte 3\): save it as UTF-8"):
        said({})


def test_a_folder_that_is_not_there(tmp_path) -> None:
    with pytest.raises(UserError, match=r'there is no folder .*captions:PATH'):
        load.load({'name': f'captions:{tmp_path}/none'})


def test_an_image_is_cut_around_its_box(said) -> None:
    """R = .75 max(w, h) around the center, within the image: of AttnGAN's code."""
    assert captions._around([60.0, 27.0, 325.0, 304.0], 500, 335) == (0, 0, 465, 335)
    assert captions._around([10.0, 10.0, 4.0, 8.0], 40, 40) == (6, 8, 18, 20)
    files = {
        'images/a.png': None,
        'images/a.txt': 'a',
        'images.txt': '1 a.png\n',
        'bounding_boxes.txt': '1 2.0 2 2 2\n',
    }
    assert said(files, images='images', size=2)[0].arrays['real'].shape == (1, 2, 2, 3)
    with pytest.raises(UserError, match=r"bounding_boxes\.txt' must have lines 'ID LEFT TOP WIDTH HEIGHT'"):
        said({'bounding_boxes.txt': '1 2 3\n'}, images='images', size=2)


def test_a_run_of_other_words_is_nothing_to_begin_from(said, tmp_path) -> None:
    """Not even if they are as many, so that all shapes agree."""
    source, _ = said({'a.png': None, 'a.txt': 'red bird'})
    caption = source.spec.fields['caption']
    turned = source.spec._replace(fields={'caption': caption._replace(classes=('', 'red', 'bird'))})
    held = {'examples': source.size, 'digest': source.digest, 'stages': {'': blank.describe(source)}}
    (tmp_path / 'data.json').write_text(json.dumps(held))
    options = {'run': str(tmp_path), 'nets': ('text', 'image')}
    with pytest.raises(UserError, match=r"knows other words, or in another order \(2 there, 2 here\)"):
        graft.check_words(options, turned)
    graft.check_words(options, source.spec)
    graft.check_words({**options, 'nets': ('generator',)}, turned)
