"""DICOM images of every kind that a derived object is made from, with pictures that are drawn at random."""

import io
import pathlib

import numpy
from PIL import Image
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEGBaseline8Bit

ENDOSCOPIC = "1.2.840.10008.5.1.4.1.1.77.1.1"
VIDEO_ENDOSCOPIC = "1.2.840.10008.5.1.4.1.1.77.1.1.1"
PHOTOGRAPHIC = "1.2.840.10008.5.1.4.1.1.77.1.4"
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
TRUE_COLOUR = "1.2.840.10008.5.1.4.1.1.7.4"
ULTRASOUND = "1.2.840.10008.5.1.4.1.1.3.1"

# The patient of all sources. No message of the command may hold any of it.
SECRETS = ["Undisclosed", "ID-4711-SECRET", "19560708", "ACC-0815"]


class Source:
    """A file, its frames as pictures that `predict` reads, and the parts of its identity."""

    def __init__(self, path, frames, data, suffix=".png", encoded=None):
        self.path = path
        self.data = data
        self.frames = frames
        self.suffix = suffix
        self.encoded = encoded

    @property
    def count(self):
        return len(self.frames)

    def write_frames(self, folder):
        """Writes each frame as a picture of the same pixels; returns the paths."""
        folder.mkdir(parents=True)
        paths = []
        for index, frame in enumerate(self.frames):
            path = folder / f"{self.path.stem}-{index + 1:03}{self.suffix}"
            if self.encoded:
                path.write_bytes(self.encoded[index])
            else:
                Image.fromarray(frame).save(path)
            paths.append(path)
        return paths


def picture(random, height, width):
    """A reddish picture with spots, so that a segmenter has something to mark."""
    y, x = numpy.mgrid[0:height, 0:width]
    image = numpy.zeros((height, width, 3))
    image[...] = numpy.array([150, 70, 60]) + random.normal(0, 4, (height, width, 1))
    for _ in range(3):
        cy, cx, r = random.uniform(0, height), random.uniform(0, width), random.uniform(3, height / 3)
        inside = (y - cy) ** 2 + (x - cx) ** 2 < r * r
        image[inside] += random.uniform(20, 80, 3)
    return image.clip(0, 255).astype(numpy.uint8)


class Maker:
    """Makes sources in a folder; each has a number, which makes its UIDs."""

    def __init__(self, folder, seed=3):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.random = numpy.random.default_rng(seed)
        self.number = 0

    def make(self, name, sop_class, frames=1, size=(48, 61), series=None, jpeg=False, implicit=False, change=None):
        self.number += 1
        base = f"2.25.{9000 + self.number}"
        pictures = [picture(self.random, *size) for _ in range(frames)]
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = sop_class
        meta.MediaStorageSOPInstanceUID = base + ".3"
        syntax = JPEGBaseline8Bit if jpeg else ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
        meta.TransferSyntaxUID = syntax
        path = self.folder / f"{name}.dcm"
        data = FileDataset(str(path), Dataset(), file_meta=meta, preamble=b"\0" * 128)
        data.SOPClassUID = sop_class
        data.SOPInstanceUID = base + ".3"
        data.StudyInstanceUID = (series or base) + ".1"
        data.SeriesInstanceUID = (series or base) + ".2"
        data.PatientName, data.PatientID = SECRETS[0] + "^Patient", SECRETS[1]
        data.PatientBirthDate, data.PatientSex = SECRETS[2], "O"
        data.AccessionNumber, data.StudyID = SECRETS[3], "7"
        data.StudyDate = data.ContentDate = "20240102"
        data.StudyTime = data.ContentTime = "101112"
        data.ReferringPhysicianName, data.StudyDescription = "", "Colonoscopy"
        data.Modality = {ENDOSCOPIC: "ES", VIDEO_ENDOSCOPIC: "ES", PHOTOGRAPHIC: "XC", ULTRASOUND: "US"}.get(
            sop_class, "OT")
        data.SeriesNumber, data.InstanceNumber = "4", str(self.number)
        data.Manufacturer, data.ImageType = "Maker", ["ORIGINAL", "PRIMARY"]
        data.PatientOrientation, data.BodyPartExamined = "", "COLON"
        self._pixels(data, pictures, jpeg)
        if frames > 1 or sop_class in (VIDEO_ENDOSCOPIC, TRUE_COLOUR, ULTRASOUND):
            data.NumberOfFrames = frames
            if frames > 1:
                data.FrameTime = "40"
                data.FrameIncrementPointer = 0x00181063
        encoded = None
        if jpeg:
            encoded = []
            for image in pictures:
                file = io.BytesIO()
                Image.fromarray(image).save(file, "JPEG", quality=90)
                encoded.append(file.getvalue())
            data.PixelData = encapsulate(encoded)
            data["PixelData"].is_undefined_length = True
        if change:
            change(data)
        data.save_as(path, enforce_file_format=True)
        return Source(path, pictures, data, ".jpg" if jpeg else ".png", encoded)

    @staticmethod
    def _pixels(data, pictures, jpeg):
        data.SamplesPerPixel, data.PlanarConfiguration = 3, 0
        data.PhotometricInterpretation = "YBR_FULL_422" if jpeg else "RGB"
        data.Rows, data.Columns = pictures[0].shape[:2]
        data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 8, 8, 7, 0
        if not jpeg:
            bytes_ = numpy.stack(pictures).tobytes()
            data.PixelData = bytes_ + b"\0" * (len(bytes_) % 2)


def set_values(**values):
    def change(data):
        for name, value in values.items():
            setattr(data, name, value)

    return change


def delete(*names):
    def change(data):
        for name in names:
            delattr(data, name)

    return change


def set_region(data):
    region = Dataset()
    region.CodeValue, region.CodingSchemeDesignator, region.CodeMeaning = "71854001", "SCT", "Colon"
    data.AnatomicRegionSequence = [region]
    del data.BodyPartExamined


def chinese(data):
    data.SpecificCharacterSet = "GB18030"
    data.PatientName = "Wang^XiaoDong=王^小东"
    data.StudyDescription = "结肠镜检查"


def make_all(folder):
    """Every kind, as name → list of the files of one object."""
    maker = Maker(folder)
    series = "2.25.777"
    one = lambda name, *arguments, **options: (name, [maker.make(name, *arguments, **options)])
    return dict([
        one("endoscopic", ENDOSCOPIC),
        one("photographic", PHOTOGRAPHIC, size=(33, 47)),
        one("secondary", SECONDARY_CAPTURE, change=set_values(ConversionType="WSD")),
        one("multiframe", TRUE_COLOUR, frames=5, size=(29, 37)),
        one("one-of-many", TRUE_COLOUR, frames=1, size=(29, 37)),
        one("ultrasound", ULTRASOUND, frames=3, size=(31, 33)),
        one("video", VIDEO_ENDOSCOPIC, frames=4, size=(32, 40)),
        one("implicit", SECONDARY_CAPTURE, implicit=True, change=set_values(ConversionType="WSD")),
        one("chinese", ENDOSCOPIC, change=chinese),
        one("frame-of-reference", ENDOSCOPIC, change=set_values(
            FrameOfReferenceUID="2.25.4242", PositionReferenceIndicator="")),
        one("jpeg", ENDOSCOPIC, jpeg=True, change=set_values(
            LossyImageCompression="01", LossyImageCompressionRatio="7.5",
            LossyImageCompressionMethod="ISO_10918_1")),
        one("jpeg-unsaid", ENDOSCOPIC, jpeg=True),
        one("jpeg-multiframe", VIDEO_ENDOSCOPIC, frames=3, jpeg=True),
        one("bare", ENDOSCOPIC, change=delete(
            "PatientName", "PatientBirthDate", "PatientSex", "StudyTime", "StudyID", "AccessionNumber",
            "ReferringPhysicianName", "SeriesNumber", "InstanceNumber", "Manufacturer", "PatientOrientation",
            "BodyPartExamined")),
        one("region", ENDOSCOPIC, change=set_region),
        ("series", [maker.make(f"series-{i}", ENDOSCOPIC, size=(35, 43), series=series) for i in range(3)]),
    ])
