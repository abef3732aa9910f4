"""Epochs: new root keys, several of one number, slots that are valid for some of them."""
from conftest import CODE, NAME, which, writers
from writer import committed, raw


def without_slots(site):
    for slot in site.objects("slot"):
        slot.unlink()


def test_three_epochs_from_the_newest_slot(site):
    (a,) = writers(site, 1)
    data = site.random.randbytes(40_000)
    without_slots(site)
    for epoch in (1, 2, 3):
        a.record(committed(site.pool.push(NAME, {"w": data, "e": b"%d" % epoch}), tag="e%d" % epoch))
        a.record(committed(site.pool.push(NAME, {"w": data[:99], "e": b"%d" % epoch}, k=0), tag="i%d" % epoch))
        if epoch < 3:
            a.record(site.pool.new_epoch())
    site.pool.slot(1, CODE)
    for epoch in (1, 2, 3):
        done, files = site.restore("%s:e%d" % (NAME, epoch))
        assert files == {"w": data, "e": b"%d" % epoch}
        assert done.stderr == ""
        assert site.restore("%s:i%d" % (NAME, epoch))[1] == {"w": data[:99], "e": b"%d" % epoch}


def test_packs_of_two_epochs_in_one_segment(site):
    (a,) = writers(site, 1)
    old, new = site.random.randbytes(500), site.random.randbytes(600)
    one, first = site.pool.pack([(old, raw)], 1, 2)
    a.record(site.pool.new_epoch())
    site.pool.slot(1, CODE)
    two, second = site.pool.pack([(new, raw)], 2, 1)
    fragments = [e[:4] + [p] + e[5:] for p, entries in enumerate((first, second)) for e in entries.values()]
    a.record(committed(site.pool.manifest(NAME, [("w", old + new, 2)], [([one, two], fragments)])))
    assert site.restore(NAME)[1] == {"w": old + new}


def test_a_slot_of_an_old_epoch_gives_what_it_can(site, models):
    (a,) = writers(site, 1)
    a.record(committed(models[0]))
    a.record(site.pool.new_epoch())
    a.record(committed(models[1]))
    done, files = site.restore(NAME)
    assert files == {"which": b"0"}
    assert "is of epoch 2, whose key this secret does not give" in done.stderr


def test_a_wrapped_key_that_does_not_open_is_told(site, models):
    (a,) = writers(site, 1)
    a.record(committed(models[0]))
    change = site.pool.new_epoch()
    without_slots(site)
    site.pool.slot(1, CODE)
    a.record(dict(change, wrapped=[[1, bytes(24), bytes(48)]]))
    done = site.run("list")
    assert "the key of epoch 1 does not open" in done.stderr


def test_two_concurrent_epochs_and_one_that_wraps_both(site):
    """Two machines each begin epoch 2, with manifests in packs and without; the third epoch opens all of it."""
    a, b = writers(site, 2)
    data = {i: site.random.randbytes(9_000) for i in range(6)}

    def push(writer, i):
        writer.record(committed(site.pool.push(NAME, {"w": data[i]}, k=2, m=1), tag="p%d" % i),
                      committed(site.pool.push(NAME, {"w": data[i], "e": b""}, k=0), tag="i%d" % i))

    push(a, 0)
    for writer in (a, b):
        site.pool.use(1)
        writer.record(site.pool.new_epoch())
        push(writer, 1 if writer is a else 2)
    assert len(site.pool.roots[2]) == 2
    b.checkpoint()
    b.drop(1), b.drop(2)
    b.read(a)
    change = site.pool.new_epoch()
    assert [number for number, _, _ in change["wrapped"]] == [2, 2, 1]
    b.record(change)
    push(b, 3)
    site.pool.use(2, 0)  # A has not read of the third yet
    push(a, 4)
    site.pool.use(3)
    without_slots(site)
    site.pool.slot(1, CODE)
    for i in range(5):
        done, files = site.restore("%s:p%d" % (NAME, i))
        assert files == {"w": data[i]} and done.stderr == ""
        assert site.restore("%s:i%d" % (NAME, i))[1] == {"w": data[i], "e": b""}


def test_a_slot_of_one_of_two_roots_of_a_number_gives_its_half(site, models):
    a, b = writers(site, 2)
    a.record(committed(models[0], "before"))
    for writer, model in ((a, 1), (b, 2)):
        site.pool.use(1)
        writer.record(site.pool.new_epoch())
        writer.record(committed(site.pool.push(NAME, {"which": b"%d" % model}, k=0), tag="t%d" % model))
    without_slots(site)
    for which_root, mine, others in ((0, 1, 2), (1, 2, 1)):
        site.pool.use(2, which_root)
        slot = site.pool.slot(1, CODE)
        done, files = site.restore("%s:t%d" % (NAME, mine))
        assert files == {"which": b"%d" % mine}
        assert "is of epoch 2, whose key this secret does not give" in done.stderr
        assert which(site, NAME + ":before") == 0
        assert which(site, "%s:t%d" % (NAME, others)) == -3
        if which_root == 0:
            without_slots(site)
    site.pool.use(2, 0)
    site.pool.slot(1, CODE)
    assert which(site, NAME + ":t1") == 1 and which(site, NAME + ":t2") == 2
    assert slot["object"] and site.run("list").stderr == ""


def test_fragments_in_a_manifest_that_a_newer_root_sealed(site):
    """A manifest written anew at a rekey keeps its fragments, whose ids are of the epoch that it names."""
    (a,) = writers(site, 1)
    entry = [site.pool.fragment_id(b"abcd"), 4, 0, 0, b"abcd"]
    a.record(site.pool.new_epoch())
    a.record(committed(site.pool.manifest(NAME, [("w", b"abcd", 1)], [([], [entry])], {"epoch": 1})))
    site.pool.slot(1, CODE)
    assert site.restore(NAME)[1] == {"w": b"abcd"}
    a.record(committed(site.pool.manifest(NAME, [("w", b"abcd", 1)], [([], [entry])])))
    assert site.restore(NAME)[0].returncode == 5
