"""Writes DICOM segmentations and overlays, and asks programs of others whether they are right.

scripts/check-dicom-out MCDRL [--run RUN]   what `MCDRL predict` writes for DICOM images that this script makes;
                                            without --run it trains a run for one epoch on rendered sites
scripts/check-dicom-out --door              random masks through Sources/CDICOM alone, which it compiles

Needs Python with numpy, pillow, pydicom 3 and highdicom 0.28 (PYTHON names another one). Judges: highdicom reads the
masks back; dciodvfy (Debian: dicom3tools) has nothing to say; Orthanc (Debian: orthanc, orthanc-dicomweb) takes the
objects over DICOMweb and finds them. A judge that is missing is named and skipped.
"""

import argparse
import contextlib
import pathlib
import subprocess
import sys
import tempfile

try:
    import numpy
    import pydicom
    from PIL import Image

    import door
    import judges
    import sources
except ImportError as missing:
    sys.exit(f"check-dicom-out: no {missing.name}; install numpy, pillow, pydicom and highdicom, or set PYTHON")

SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
OVERLAYS = [sources.SECONDARY_CAPTURE, sources.TRUE_COLOUR]
# What dciodvfy says of any object of a study whose source lacks these type 2 values.
FAULTS_OF_SOURCE = {"bare": ["StudyTime(0008,0030)", "StudyID(0020,0010)"]}


class Report:
    def __init__(self):
        self.counts, self.failures, self.skipped = {}, [], set()

    def add(self, judge, name, fault):
        self.counts[judge] = self.counts.get(judge, 0) + 1
        if fault:
            self.failures.append(f"{judge}: {name}: {fault}")

    def skip(self, judge, reason):
        self.skipped.add(f"{judge}: skipped, {reason}")

    def end(self):
        for judge, count in sorted(self.counts.items()):
            bad = sum(line.startswith(judge + ":") for line in self.failures)
            print(f"{judge}: {count - bad} of {count} right")
        for line in sorted(self.skipped) + self.failures:
            print(line)
        if not self.counts:
            print("nothing was checked")
        sys.exit(1 if self.failures or not self.counts else 0)


class Check:
    def __init__(self, report, orthanc):
        self.report, self.orthanc = report, orthanc

    def validate(self, path, name):
        lines = judges.dciodvfy(path)
        if lines is None:
            return self.report.skip("dciodvfy", "it is not installed (dicom3tools)")
        known = FAULTS_OF_SOURCE.get(name.split("/")[0], [])
        lines = [line for line in lines if not any(k in line for k in known)]
        self.report.add("dciodvfy", name, "; ".join(lines))

    def archive(self, path, name):
        if self.orthanc is None:
            return
        data = pydicom.dcmread(path, stop_before_pixels=True)
        taken = self.orthanc.store(path)
        found = self.orthanc.find(data.SOPInstanceUID) if taken else []
        self.report.add("Orthanc", name, None if found == [data.SOPClassUID] else
                        "not taken over STOW" if not taken else "not found over QIDO")

    def identity(self, path, name, group):
        """Patient and study are the source's; instance and series are new."""
        data, source = pydicom.dcmread(path, stop_before_pixels=True), group[0].data
        wrong = [
            tag for tag in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyInstanceUID",
                            "StudyDate", "StudyTime", "StudyID", "AccessionNumber", "ReferringPhysicianName",
                            "StudyDescription")
            if (tag in source and str(data.get(tag)) != str(source.get(tag)))]
        wrong += [tag for tag in ("SOPInstanceUID", "SeriesInstanceUID")
                  if data[tag].value == source[tag].value or not str(data[tag].value).startswith("2.25.")]
        lossy = any(s.encoded or s.data.get("LossyImageCompression") == "01" for s in group)
        if data.get("LossyImageCompression") != ("01" if lossy else "00"):
            wrong.append("LossyImageCompression")
        self.report.add("identity", name, ", ".join(wrong))

    def segmentation(self, path, name, group, masks, segment=1):
        """`masks`: source → frames × height × width, of one segment."""
        self.validate(path, name)
        self.archive(path, name)
        self.identity(path, name, group)
        try:
            found = judges.highdicom_masks(path, group)[segment]
            fault = None if judges.equal(found, masks) else "the masks differ"
        except ImportError:
            return self.report.skip("highdicom", "it is not installed")
        except Exception as error:  # Any error of the reader is a verdict.
            fault = f"{type(error).__name__}: {error}"
        self.report.add("highdicom", name, fault)

    def overlay(self, path, name, source, masks):
        self.validate(path, name)
        self.archive(path, name)
        self.identity(path, name, [source])
        data = pydicom.dcmread(path)
        drawn = data.pixel_array.reshape(source.count, *source.frames[0].shape)
        faults = [] if data.BurnedInAnnotation == "YES" else ["BurnedInAnnotation"]
        if [i.ReferencedSOPInstanceUID for i in data.SourceImageSequence] != [source.data.SOPInstanceUID]:
            faults.append("SourceImageSequence")
        for frame, (before, after, mask) in enumerate(zip(source.frames, drawn, masks)):
            if source.encoded is None and numpy.array_equal(before, after) != (not mask.any()):
                faults.append(f"frame {frame + 1} " + ("has no outline" if mask.any() else "changed without a mask"))
        self.report.add("overlay", name, ", ".join(faults))


def check_door(work, check, library):
    """Random masks of odd widths, several segments, with all frames, with none, and arguments that do not fit."""
    entry = door.Door(library)
    random = numpy.random.default_rng(7)
    fields = dict(fingerprint="run", algorithm="mcdrl", version="0.1", parameters="threshold 0.5",
                  series="MCDRL lesions", date="20250101", time="101010", region_code="14742008",
                  region_meaning="Large intestine")
    segments = [("Polyp", "68496003", "Polyp of colon"), ("Lesion", "52988006", "Lesion"),
                ("息肉", "52988006", "Lesion")]

    def draw(group, share):
        return [[(random.random((s.count, *s.frames[0].shape[:2])) < share).astype(numpy.uint8) for s in group]
                for _ in range(3)]

    for name, group in sources.make_all(work / "in").items():
        paths = [source.path for source in group]
        for case, count, share, options in (
                ("one", 1, 0.4, {}), ("three", 3, 0.2, {}), ("nominal", 2, 0.3, {"nominal": True}),
                ("all", 2, 0.001, {"all_frames": True}), ("none", 1, 0, {})):
            masks = draw(group, share)[:count]
            if len(masks[0][0]) > 2 or len(group) > 2:
                masks[0][-1][0 if len(group) > 2 else 1] = 0
            out = work / f"{name}-{case}.dcm"
            found = entry.segmentation(paths, masks, segments[:count], fields, out, **options)
            again = work / "again.dcm"
            entry.segmentation(paths, masks, segments[:count], fields, again, **options)
            check.report.add("repeatable", f"{name}/{case}",
                             None if out.read_bytes() == again.read_bytes() else "another file")
            check.report.add("found", f"{name}/{case}", None if found == any(m.any() for m in masks[0]) or count > 1
                             else "a wrong answer")
            for segment in range(count):
                present = masks[segment]
                if case == "none" and segment == 0 or any(m.any() for m in present) or options.get("all_frames"):
                    check.segmentation(out, f"{name}/{case}/{segment + 1}", group, present, segment + 1)
            back = {(s, i, f): m for s, i, f, m in entry.read(out)}
            wrong = 0
            for segment in range(count):
                for source, part in zip(group, masks[segment]):
                    for frame, mask in enumerate(part):
                        read = back.get((segment + 1, source.data.SOPInstanceUID, frame + 1))
                        if read is None:
                            wrong += bool(mask.any()) or bool(options.get("all_frames"))
                        else:
                            wrong += not numpy.array_equal(read != 0, mask != 0)
            check.report.add("read back", f"{name}/{case}", f"{wrong} masks differ" if wrong else None)
        for source in group:
            masks = draw([source], 0.2)[0][0]
            pictures = [f.copy() for f in source.frames]
            for picture, mask in zip(pictures, masks):
                picture[mask != 0] = (255, 221, 0)
            out = work / f"{name}-overlay-{source.path.stem}.dcm"
            entry.overlay(source.path, pictures, list(range(1, source.count + 1)), fields, out)
            check.overlay(out, name, source, masks)
    check_faults(work, check, entry, fields)


def check_faults(work, check, entry, fields):
    """Sources and arguments that do not fit: an error, and nothing of a patient in it."""
    maker = sources.Maker(work / "faulty", seed=5)
    good = maker.make("good", sources.ENDOSCOPIC)
    wrong = {
        "not DICOM": work / "text", "missing": work / "missing.dcm",
        "no study": maker.make("no-study", sources.ENDOSCOPIC, change=sources.delete("StudyInstanceUID")).path,
        "no pixels": maker.make("no-pixels", sources.ENDOSCOPIC, change=sources.delete("PixelData")).path,
        "no rows": maker.make("no-rows", sources.ENDOSCOPIC, change=sources.delete("Rows")).path,
        "another series": maker.make("other", sources.ENDOSCOPIC).path,
        "twice": good.path,
        "a folder": work,
    }
    (work / "text").write_text("no DICOM at all\n" * 30)
    (work / "cut.dcm").write_bytes(good.path.read_bytes()[:300])
    wrong["cut"] = work / "cut.dcm"
    for name, path in wrong.items():
        try:
            entry.c.dicom_derived_close(entry.open([good.path, path], fields))
            fault = "no error"
        except door.Failure as error:
            fault = next((f"its message holds {s}" for s in sources.SECRETS if s in str(error)), None)
        check.report.add("faults", name, fault)
    for name, frame in (("frame 0", 0), ("frame beyond", 2)):
        try:
            entry.overlay(good.path, good.frames, [frame], fields, work / "never.dcm")
            check.report.add("faults", name, "no error")
        except door.Failure:
            check.report.add("faults", name, None)


def train(mcdrl, work):
    """A run of one epoch on rendered sites."""
    data, run = work / "world", work / "run"
    for line in (["synth", "--out", data, "--sites", "3", "--per-site", "12", "--size", "64"],
                 ["train", "--data", data, "--clip", "tiny", "--epochs", "1", "--out", run]):
        result = subprocess.run([mcdrl, *map(str, line), "--quiet"], capture_output=True, text=True)
        if result.returncode != 0:
            sys.exit(f"check-dicom-out: mcdrl {line[0]} failed; give --run RUN\n{result.stderr}")
    return run


def check_command(work, check, mcdrl, run):
    """`predict` on each source beside `predict` on its frames as pictures of the same pixels."""
    run = run or train(mcdrl, work)

    def predict(inputs, out, formats, *more):
        result = subprocess.run(
            [mcdrl, "predict", str(run), *map(str, inputs), "--out", str(out), "--format", formats, *more],
            capture_output=True, text=True, errors="replace")
        leaks = [s for s in sources.SECRETS if s in result.stdout + result.stderr]
        check.report.add("no patient in messages", out.name, ", ".join(leaks))
        return result

    for name, group in sources.make_all(work / "in").items():
        pictures = work / "pictures" / name
        frames = [path for source in group for path in source.write_frames(pictures / source.path.stem)]
        wanted = predict(frames, work / f"{name}-masks", "mask")
        out = work / f"{name}-dicom"
        written = predict([source.path for source in group], out, "dicom-seg,dicom-overlay")
        if wanted.returncode != 0 or written.returncode != 0:
            check.report.add("predict", name, (wanted.stderr + written.stderr).strip()[-400:])
            continue
        masks = []
        for source in group:
            paths = [work / f"{name}-masks" / f"{source.path.stem}-{i + 1:03}.png" for i in range(source.count)]
            masks.append(numpy.stack([numpy.asarray(Image.open(p).convert("L")) for p in paths]))
        found = [p for p in sorted(out.rglob("*")) if p.is_file() and p.read_bytes()[128:132] == b"DICM"]
        kinds = [pydicom.dcmread(p, stop_before_pixels=True).SOPClassUID for p in found]
        segmentations = [p for p, kind in zip(found, kinds) if kind == SEGMENTATION]
        overlays = [p for p, kind in zip(found, kinds) if kind in OVERLAYS]
        counts = (len(segmentations) in (1, len(group)), len(overlays) == len(group))
        check.report.add("predict", name, None if all(counts) else
                         f"{len(segmentations)} segmentations and {len(overlays)} overlays of {len(group)} files")
        instances = {source.data.SOPInstanceUID: i for i, source in enumerate(group)}
        for path in segmentations:
            series = pydicom.dcmread(path, stop_before_pixels=True).ReferencedSeriesSequence[0]
            of = [instances[i.ReferencedSOPInstanceUID] for i in series.ReferencedInstanceSequence]
            check.segmentation(path, f"{name}/{path.name}", [group[i] for i in of], [masks[i] for i in of])
        for path in overlays:
            data = pydicom.dcmread(path, stop_before_pixels=True)
            i = instances[data.SourceImageSequence[0].ReferencedSOPInstanceUID]
            check.overlay(path, f"{name}/{path.name}", group[i], masks[i])


def main():
    parser = argparse.ArgumentParser(
        prog="check-dicom-out", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mcdrl", nargs="?", help="the command to check, for example .build/release/mcdrl")
    parser.add_argument("--run", help="a run folder of one class")
    parser.add_argument("--door", action="store_true", help="check Sources/CDICOM alone")
    parser.add_argument("--library", help="with --door: a compiled library")
    parser.add_argument("--keep", help="a new folder that keeps all files")
    options = parser.parse_args()
    if options.door == bool(options.mcdrl):
        parser.error("give the command to check, or --door")
    report = Report()
    with contextlib.ExitStack() as stack:
        if options.keep:
            work = pathlib.Path(options.keep)
            work.mkdir(parents=True)
        else:
            work = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        orthanc = None
        if judges.Orthanc.is_here():
            orthanc = stack.enter_context(judges.Orthanc())
        else:
            report.skip("Orthanc", "it is not installed (orthanc, orthanc-dicomweb)")
        check = Check(report, orthanc)
        if options.door:
            check_door(work, check, options.library or door.build(work))
        else:
            check_command(work, check, options.mcdrl, options.run)
    report.end()


if __name__ == "__main__":
    main()
