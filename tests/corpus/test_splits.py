"""Lists win, else the data set's SHA-1 rule decides; nobody is heard in two splits."""

from __future__ import annotations

import pytest

from kws_edge.corpus.layouts import scan
from kws_edge.corpus.splits import assign_splits, check_speakers, percentile, sha1_split, without_excluded
from kws_edge.errors import CorpusError
from kws_edge.spec import CorpusSettings

SETTINGS = CorpusSettings(keywords=("yes", "no"))


def splits_of(folder, settings: CorpusSettings = SETTINGS) -> tuple[dict[str, str], tuple[str, ...]]:
    layout = scan(folder)
    splits, warnings = assign_splits(layout, layout.clips, settings)
    return {clip.name: split for clip, split in zip(layout.clips, splits, strict=True)}, warnings


# speakers that testing_list.txt and validation_list.txt of the published Speech Commands 0.02 name, and two in neither
@pytest.mark.parametrize(
    ("split", "speakers"),
    [
        ("test", "2aa787cf ffa76c4a 24ad3ebe d7467392 5828dfa2 91223b83 0c40e715 37dca74f cd85758f 1b4c9b89"),
        ("validation", "105e72bb 96c67073 264f471d b7a6f709 7c1d8533 1bc45db9 6f5b4d3d c4e1f6e0 d55aa56c 90804775"),
        ("train", "004ae714 0132a06d"),
    ],
)
def test_the_sha1_rule_knows_the_published_speakers(split: str, speakers: str) -> None:
    assert [sha1_split(speaker, SETTINGS) for speaker in speakers.split()] == [split] * len(speakers.split())


def test_real_lists_win_and_keep_speakers_apart(speech_commands) -> None:
    layout = scan(speech_commands)
    if layout.testing_list is None or layout.validation_list is None:
        pytest.skip(f"{speech_commands} has no list files")
    splits, warnings = splits_of(speech_commands, CorpusSettings())
    assert {name for name, split in splits.items() if split == "test"} == set(layout.testing_list)
    assert {name for name, split in splits.items() if split == "validation"} == set(layout.validation_list)
    assert warnings == ()


def test_percentages_shift_the_borders() -> None:
    place = percentile("2aa787cf")
    assert 10 <= place < 20
    assert sha1_split("2aa787cf", CorpusSettings(validation_percent=20)) == "validation"
    assert sha1_split("2aa787cf", CorpusSettings(validation_percent=0, testing_percent=place / 2)) == "train"


def test_without_lists_the_rule_decides_for_every_word_alike(make_corpus) -> None:
    speakers = ["2aa787cf", "105e72bb", "004ae714"]
    folder = make_corpus({word: [f"{s}_nohash_0.wav" for s in speakers] for word in ("yes", "no", "cat")})
    splits, warnings = splits_of(folder)
    for word in ("yes", "no", "cat"):
        assert splits[f"{word}/2aa787cf_nohash_0.wav"] == "test"
        assert splits[f"{word}/105e72bb_nohash_0.wav"] == "validation"
        assert splits[f"{word}/004ae714_nohash_0.wav"] == "train"
    assert warnings == ()


def test_lists_win_over_the_rule(make_corpus) -> None:
    speakers = ["2aa787cf", "105e72bb", "004ae714"]
    folder = make_corpus({word: [f"{s}_nohash_0.wav" for s in speakers] for word in ("yes", "no")})
    (folder / "validation_list.txt").write_text("yes/004ae714_nohash_0.wav\nno/004ae714_nohash_0.wav\n")
    (folder / "testing_list.txt").write_text("yes/105e72bb_nohash_0.wav\nno/105e72bb_nohash_0.wav\n")
    splits, _ = splits_of(folder)
    assert splits["yes/004ae714_nohash_0.wav"] == "validation"
    assert splits["no/105e72bb_nohash_0.wav"] == "test"
    assert splits["no/2aa787cf_nohash_0.wav"] == "train"


def test_a_list_of_wavs_fits_a_data_set_converted_to_flac(make_corpus) -> None:
    folder = make_corpus({"yes": ["a_1.flac", "b_1.flac"]})
    (folder / "testing_list.txt").write_text("yes/a_1.wav\n")
    splits, warnings = splits_of(folder)
    assert splits == {"yes/a_1.flac": "test", "yes/b_1.flac": "train"}
    assert warnings == ()


def test_a_list_that_names_absent_files_is_reported(make_corpus) -> None:
    folder = make_corpus({"yes": ["a_1.wav", "b_1.wav"]})
    (folder / "testing_list.txt").write_text("yes/a_1.wav\nyes/gone_1.wav\nyes/gone_2.wav\n")
    _, warnings = splits_of(folder)
    assert warnings == ("testing_list.txt names 2 file(s) that are not there, such as yes/gone_1.wav",)


def test_a_speaker_in_two_splits_is_an_error_that_names_speaker_and_files(make_corpus) -> None:
    folder = make_corpus({"yes": ["anna_1.wav", "ben_1.wav"], "no": ["anna_1.wav", "ben_1.wav"]})
    (folder / "testing_list.txt").write_text("yes/anna_1.wav\n")
    with pytest.raises(CorpusError, match=r"speaker 'anna' is in two splits: no/anna_1\.wav in train, yes/anna_1\.wav"):
        check_speakers(scan(folder).clips, list(splits_of(folder)[0].values()))


def test_excluded_recordings_leave_training_and_validation_but_never_testing(make_corpus) -> None:
    folder = make_corpus({"yes": [f"{speaker}_1.wav" for speaker in ("anna", "ben", "carla", "dora")]})
    (folder / "testing_list.txt").write_text("yes/anna_1.wav\n")
    (folder / "validation_list.txt").write_text("yes/ben_1.wav\n")
    layout, (splits, _) = scan(folder), splits_of(folder)
    exclude = ("yes/anna_1.wav", "yes/ben_1.wav", "yes/carla_1.wav", "yes/gone_1.wav")
    kept, places, warnings = without_excluded(layout, layout.clips, list(splits.values()), exclude)
    assert [clip.name for clip in kept] == ["yes/anna_1.wav", "yes/dora_1.wav"] and places == ("test", "train")
    assert "1 excluded recording(s), such as yes/anna_1.wav, are in the testing split" in warnings[0]
    assert "names 1 file(s) that are not there, such as yes/gone_1.wav" in warnings[1]


def test_a_file_in_both_lists_is_an_error(make_corpus) -> None:
    folder = make_corpus({"yes": ["anna_1.wav", "ben_1.wav"]})
    (folder / "testing_list.txt").write_text("yes/anna_1.wav\n")
    (folder / "validation_list.txt").write_text("yes/anna_1.wav\n")
    with pytest.raises(CorpusError, match=r"yes/anna_1\.wav is in both"):
        splits_of(folder)


def test_few_speakers_are_dealt_out_so_that_every_split_hears_one(make_corpus) -> None:
    # all four fall into training by the rule
    speakers = ["004ae714", "0132a06d", "00f0204f", "012c8314"]
    assert {sha1_split(speaker, SETTINGS) for speaker in speakers} == {"train"}
    folder = make_corpus({word: [f"{s}_nohash_0.wav" for s in speakers] for word in ("yes", "no")})
    splits, warnings = splits_of(folder)
    assert set(splits.values()) == {"train", "validation", "test"}
    homes = {speaker: {split for name, split in splits.items() if speaker in name} for speaker in speakers}
    assert all(len(home) == 1 for home in homes.values())
    assert "4 speakers are too few" in warnings[0]


def test_one_speaker_is_split_by_file_with_a_warning(make_corpus) -> None:
    folder = make_corpus({word: [f"me_{n}.wav" for n in range(20)] for word in ("yes", "no", "other")})
    splits, warnings = splits_of(folder)
    for word in ("yes", "no", "other"):
        here = [split for name, split in splits.items() if name.startswith(word)]
        assert (here.count("train"), here.count("validation"), here.count("test")) == (16, 2, 2)
    assert "1 speaker(s) only" in warnings[0] and "nothing about other people" in warnings[0]


def test_two_speakers_are_split_by_file_even_where_nothing_is_tested(make_corpus) -> None:
    speakers = ["004ae714", "0132a06d"]
    assert {sha1_split(speaker, SETTINGS) for speaker in speakers} == {"train"}
    files = [f"{speaker}_nohash_{take}.wav" for speaker in speakers for take in range(10)]
    folder = make_corpus(dict.fromkeys(("yes", "no", "other"), files))
    splits, warnings = splits_of(folder, CorpusSettings(keywords=("yes", "no"), testing_percent=0))
    for word in ("yes", "no"):
        here = [split for name, split in splits.items() if name.startswith(word)]
        assert (here.count("train"), here.count("validation"), here.count("test")) == (18, 2, 0)
    assert "2 speaker(s) only" in warnings[0]
