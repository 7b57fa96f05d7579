#!/usr/bin/env python3
"""Makes the DICOM files of this folder from random pixels, and what dcmj2pnm shows of them.

Versions: pydicom 3.0.2, numpy 2, Pillow 12, DCMTK 3.6.7 (dcmj2pnm, dcml2pnm, dcmcjpeg, dcmcjpls, dcmconv).
Run it in this folder: python make_dicom.py. Every patient in it is made up, and holds the word Zebrafink.
`NAME.dcm` (or NAME without ending) is a file; `NAME.raw` has the samples of all frames as `dcmj2pnm -O +op` writes
them; expected.json has frames, rows, columns and channels. JPEG 2000, which DCMTK does not decode, is decoded by
Pillow first.
"""
import io, json, os, struct, subprocess, tempfile
import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, encapsulate_extended
from pydicom.uid import (DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ExplicitVRLittleEndian,
                         ImplicitVRLittleEndian, JPEG2000, JPEG2000Lossless, JPEGBaseline8Bit, RLELossless, UID)
from PIL import Image

here = os.path.dirname(os.path.abspath(__file__))
rows, columns = 12, 16
random = np.random.default_rng(21)
ENDOSCOPIC, CAPTURE = '1.2.840.10008.5.1.4.1.1.77.1.1', '1.2.840.10008.5.1.4.1.1.7'
expected = {}
numbers = iter(range(1, 1000))


def picture(channels=3, top=256, frames=1):
    """Random patches of 4 x 4 pixels with a little noise: they compress, and every channel differs."""
    small = random.integers(0, top, (frames, rows // 4, columns // 4, channels))
    big = small.repeat(4, 1).repeat(4, 2) + random.integers(0, max(2, top // 32), (frames, rows, columns, channels))
    return np.clip(big, 0, top - 1).astype(np.uint8 if top <= 256 else np.uint16).squeeze()


def dataset(syntax, photometric='RGB', samples=3, bits=8, stored=None, frames=1, sop=CAPTURE, **extra):
    number = next(numbers)
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = UID(syntax)
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = sop
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = f'1.2.826.0.1.3680043.10.5432.1.{number}'
    data.file_meta.ImplementationClassUID = '1.2.826.0.1.3680043.10.5432.9'
    data.StudyInstanceUID, data.SeriesInstanceUID = '1.2.826.0.1.3680043.10.5432.2', '1.2.826.0.1.3680043.10.5432.3'
    data.SpecificCharacterSet = 'ISO_IR 192'
    data.PatientName, data.PatientID = 'Zebrafink^Ada', 'Zebrafink-0042'
    data.PatientBirthDate, data.Modality = '19010203', 'ES'
    data.Rows, data.Columns, data.SamplesPerPixel = rows, columns, samples
    data.PhotometricInterpretation = photometric
    data.BitsAllocated, data.BitsStored = bits, stored or bits
    data.HighBit, data.PixelRepresentation = data.BitsStored - 1, 0
    if samples > 1:
        data.PlanarConfiguration = 0
    if frames > 1:
        data.NumberOfFrames = frames
    for key, value in extra.items():
        setattr(data, key, value)
    return data


def put(data, pixels, vr='OW'):
    raw = pixels if isinstance(pixels, bytes) else pixels.tobytes()
    data.PixelData = raw + b'\0' * (len(raw) % 2)
    data['PixelData'].VR = vr


def pnm(text):
    """The size and samples of a binary PGM or PPM."""
    fields, at = [], 0
    while len(fields) < 4:
        end = at
        while text[end:end + 1] not in (b' ', b'\n'):
            end += 1
        if text[at:at + 1] == b'#':
            end = text.index(b'\n', at)
        elif end > at:
            fields.append(text[at:end])
        at = end + 1
    return 1 if fields[0] == b'P5' else 3, text[at:]


def shown(path, tool='dcmj2pnm'):
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([tool, '-O', '+op', '+Fa', path, folder + '/x'], check=True)
        names = sorted(os.listdir(folder), key=lambda name: int(name.split('.')[1]))
        parts = [pnm(open(f'{folder}/{name}', 'rb').read()) for name in names]
    return parts[0][0], b''.join(samples for _, samples in parts), len(parts)


def expect(name, path=None, tool='dcmj2pnm'):
    channels, samples, frames = shown(path or f'{here}/{name}', tool)
    stem = name.removesuffix('.dcm')
    open(f'{here}/{stem}.raw', 'wb').write(samples)
    expected[name] = {'rows': rows, 'columns': columns, 'channels': channels, 'frames': frames, 'samples': stem + '.raw'}


def save(name, data, check=True):
    path = f'{here}/{name}'
    data.save_as(path, enforce_file_format=True)
    if check:
        expect(name)
    return path


def jpeg(pixels, strip=False, **options):
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, 'JPEG', quality=90, **options)
    content = out.getvalue()
    if strip:  # Without the markers of JFIF and Adobe only the data set tells the colours.
        parts, at = [content[:2]], 2
        while content[at + 1] != 0xDA:
            length = 2 + struct.unpack('>H', content[at + 2:at + 4])[0]
            if content[at + 1] not in (0xE0, 0xEE):
                parts.append(content[at:at + length])
            at += length
        # Letters as names of the components would tell them, too.
        content = (b''.join(parts).replace(b'R\x11\0G\x11\0B\x11\0', b'\1\x11\0\2\x11\0\3\x11\0')
                   + content[at:].replace(b'\3R\0G\0B\0', b'\3\1\0\2\0\3\0', 1))
    return content


def fragments(frames, pieces=1):
    """Items of a sequence, each frame in so many pieces, without a table of offsets."""
    items = [b'\xfe\xff\x00\xe0\0\0\0\0']
    for frame in frames:
        frame += b'\0' * (len(frame) % 2)
        size = -(-len(frame) // pieces)
        size += size % 2
        for start in range(0, len(frame), size):
            piece = frame[start:start + size]
            items.append(b'\xfe\xff\x00\xe0' + struct.pack('<I', len(piece)) + piece)
    return b''.join(items)


def encapsulated(name, data, value, check=True):
    data.PixelData = value
    data['PixelData'].VR = 'OB'
    data['PixelData'].is_undefined_length = True
    return save(name, data, check)


# Uncompressed.
data = dataset(ExplicitVRLittleEndian, sop=ENDOSCOPIC)
put(data, picture())
save('rgb.dcm', data)
data = dataset(ImplicitVRLittleEndian)
put(data, picture())
path = save('implicit.dcm', data)
subprocess.run(['dcmconv', '-F', '+ti', path, f'{here}/bare'], check=True)
expect('bare')
data = dataset(ExplicitVRLittleEndian, PlanarConfiguration=1)
put(data, np.ascontiguousarray(picture().transpose(2, 0, 1)))
save('planar.dcm', data)
data = dataset(ExplicitVRLittleEndian, 'YBR_FULL', frames=2)
put(data, picture(frames=2))
save('ybr-full.dcm', data)
data = dataset(ExplicitVRLittleEndian, 'YBR_FULL_422')
put(data, random.integers(0, 256, rows * columns * 2, dtype=np.uint8))
save('ybr-422.dcm', data)
data = dataset(ExplicitVRLittleEndian, 'PALETTE COLOR', 1)
for colour in ('Red', 'Green', 'Blue'):
    setattr(data, f'{colour}PaletteColorLookupTableDescriptor', [256, 0, 16])
    setattr(data, f'{colour}PaletteColorLookupTableData', random.integers(0, 65536, 256, dtype=np.uint16).tobytes())
put(data, picture(1))
save('palette.dcm', data)
data = dataset(ExplicitVRLittleEndian, 'MONOCHROME1', 1)
put(data, picture(1))
save('monochrome1.dcm', data)
data = dataset(ExplicitVRLittleEndian, 'MONOCHROME2', 1, 16, 12, PixelRepresentation=1, RescaleSlope=2, RescaleIntercept=-7,
               WindowCenter=100, WindowWidth=300)
put(data, (picture(1, 4096).astype(np.int16) - 2048) & 0x0FFF)
save('signed.dcm', data)
data = dataset(ExplicitVRBigEndian, 'MONOCHROME2', 1, 16, frames=3)
put(data, picture(1, 65536, 3).astype('>u2'))
data.save_as(f'{here}/big-endian.dcm', enforce_file_format=True)
expect('big-endian.dcm')
data = dataset(DeflatedExplicitVRLittleEndian, 'MONOCHROME2', 1)
put(data, picture(1))
save('deflated.dcm', data)
data = dataset(ExplicitVRLittleEndian, 'MONOCHROME2', 1, 1, frames=2)
bits = random.integers(0, 2, 2 * rows * columns, dtype=np.uint8)
put(data, np.packbits(bits, bitorder='little'))
save('bits.dcm', data)

# RLE, JPEG lossless, JPEG-LS, JPEG of 12 bits.
data = dataset(ExplicitVRLittleEndian, frames=2)
pixels = picture(frames=2)
put(data, pixels)
data.compress(RLELossless, generate_instance_uid=False)
save('rle.dcm', data)
subprocess.run(['dcmcjpeg', '+e1', '+un', f'{here}/rgb.dcm', f'{here}/jpeg-lossless.dcm'], check=True)
expect('jpeg-lossless.dcm')
subprocess.run(['dcmcjpeg', '+e1', '+un', f'{here}/signed.dcm', f'{here}/jpeg-lossless-16.dcm'], check=True)
expect('jpeg-lossless-16.dcm')
data = dataset(ExplicitVRLittleEndian, 'MONOCHROME2', 1, 16, 12)
put(data, picture(1, 4096))
data.save_as('/tmp/twelve.dcm', enforce_file_format=True)
subprocess.run(['dcmcjpeg', '+ee', '+un', '/tmp/twelve.dcm', f'{here}/jpeg-12.dcm'], check=True)
expect('jpeg-12.dcm')
for name, source, option in (('jpeg-ls.dcm', 'rgb.dcm', '+el'), ('jpeg-ls-near.dcm', 'monochrome1.dcm', '+en')):
    subprocess.run(['dcmcjpls', option, '+un', f'{here}/{source}', f'{here}/{name}'], check=True)
    expect(name, tool='dcml2pnm')

# JPEG baseline: colours by markers and by the data set, fragments, offset tables.
pixels = picture()
content = jpeg(pixels)
open(f'{here}/jpeg-ycbcr.jpg', 'wb').write(content)
encapsulated('jpeg-ycbcr.dcm', dataset(JPEGBaseline8Bit, 'YBR_FULL_422', sop=ENDOSCOPIC), encapsulate([content]))
encapsulated('jpeg-rgb.dcm', dataset(JPEGBaseline8Bit, 'RGB'), encapsulate([jpeg(pixels, strip=True, keep_rgb=True)]))
encapsulated('jpeg-plain.dcm', dataset(JPEGBaseline8Bit, 'YBR_FULL'), encapsulate([jpeg(pixels, strip=True)]))
encapsulated('jpeg-grey.dcm', dataset(JPEGBaseline8Bit, 'MONOCHROME1', 1), encapsulate([jpeg(picture(1))]))
several = [jpeg(frame) for frame in picture(frames=3)]
encapsulated('jpeg-frames.dcm', dataset(JPEGBaseline8Bit, 'YBR_FULL_422', frames=3), encapsulate(several))
truth = expected['jpeg-frames.dcm']
for name, value in (('jpeg-fragments.dcm', fragments(several, 3)),
                    ('jpeg-wrong-table.dcm', None), ('jpeg-no-end.dcm', fragments([frame[:-2] for frame in several], 2))):
    if value is None:
        value = fragments(several, 2)
        value = b'\xfe\xff\x00\xe0' + struct.pack('<IIII', 12, 0, 8, 100_000) + value[8:]
    encapsulated(name, dataset(JPEGBaseline8Bit, 'YBR_FULL_422', frames=3), value, check=False)
    expected[name] = truth
# Without the end of the sequence.
content = open(f'{here}/jpeg-frames.dcm', 'rb').read()
open(f'{here}/jpeg-no-delimiter.dcm', 'wb').write(content.removesuffix(b'\xfe\xff\xdd\xe0\0\0\0\0'))
expected['jpeg-no-delimiter.dcm'] = truth


# JPEG 2000.
def jpeg_2000(name, data, pixels, **options):
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, 'JPEG2000', no_jp2=True, num_resolutions=2, **options)
    path = encapsulated(name, data, encapsulate([out.getvalue()]), check=False)
    plain = pydicom.dcmread(path)
    decoded = np.asarray(Image.open(io.BytesIO(out.getvalue())))
    plain.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    if plain.SamplesPerPixel == 3:
        plain.PhotometricInterpretation = 'RGB'
    plain.PixelData = decoded.astype(np.uint16 if plain.BitsAllocated == 16 else np.uint8).tobytes()
    plain['PixelData'].VR, plain['PixelData'].is_undefined_length = 'OW', False
    plain.save_as('/tmp/plain.dcm', enforce_file_format=True)
    expect(name, '/tmp/plain.dcm')


jpeg_2000('j2k-rct.dcm', dataset(JPEG2000Lossless, 'YBR_RCT'), picture(), irreversible=False)
jpeg_2000('j2k-ict.dcm', dataset(JPEG2000, 'YBR_ICT'), picture(), irreversible=True, quality_mode='rates',
          quality_layers=[4])
jpeg_2000('j2k-rgb.dcm', dataset(JPEG2000Lossless, 'RGB'), picture(), irreversible=False, mct=0)
jpeg_2000('j2k-12.dcm', dataset(JPEG2000Lossless, 'MONOCHROME2', 1, 16, 12), picture(1, 4096), irreversible=False)

# A video in name only, an object without pixels, and one patient in three character sets.
data = dataset('1.2.840.10008.1.2.4.102', 'YBR_PARTIAL_420', sop='1.2.840.10008.5.1.4.1.1.77.1.1.1', frames=9)
stream = bytes(random.integers(0, 256, 200, dtype=np.uint8))
encapsulated('video.dcm', data, fragments([stream], 3), check=False)
open(f'{here}/video.raw', 'wb').write(stream)
data = dataset(ExplicitVRLittleEndian, sop='1.2.840.10008.5.1.4.1.1.88.11')
for key in ('Rows', 'Columns', 'SamplesPerPixel', 'PhotometricInterpretation', 'BitsAllocated', 'BitsStored', 'HighBit',
            'PixelRepresentation', 'PlanarConfiguration'):
    delattr(data, key)
save('report.dcm', data, check=False)
for name, sets, text in (('patient-utf8.dcm', b'ISO_IR 192', '王小-0042'.encode()),
                         ('patient-gb18030.dcm', b'GB18030', '王小-0042'.encode('gb18030')),
                         ('patient-ir58.dcm', b'\\ISO 2022 IR 58', b'\x1b$)A' + '王小-0042'.encode('gb2312'))):
    data = dataset(ExplicitVRLittleEndian, 'MONOCHROME2', 1)
    del data.SpecificCharacterSet, data.PatientID, data.PatientName
    put(data, picture(1))
    path = save(name, data, check=False)
    # Raw bytes, so that pydicom converts nothing: the elements go in front of the birth date.
    content = open(path, 'rb').read()

    def element(tag, vr, value):
        value += b' ' * (len(value) % 2)
        return struct.pack('<HH', *tag) + vr + struct.pack('<H', len(value)) + value
    content = content.replace(struct.pack('<HH', 8, 0x16) + b'UI', element((8, 5), b'CS', sets)
                              + struct.pack('<HH', 8, 0x16) + b'UI', 1)
    content = content.replace(struct.pack('<HH', 0x10, 0x30) + b'DA', element((0x10, 0x20), b'LO', text)
                              + struct.pack('<HH', 0x10, 0x30) + b'DA', 1)
    open(path, 'wb').write(content)

# A segmentation of frames 1 and 3 of jpeg-frames.dcm: boxes of known places.
uid = pydicom.dcmread(f'{here}/jpeg-frames.dcm').SOPInstanceUID
data = dataset(ExplicitVRLittleEndian, 'MONOCHROME2', 1, 1, frames=2, sop='1.2.840.10008.5.1.4.1.1.66.4')
data.Modality, data.SegmentationType = 'SEG', 'BINARY'
segment = Dataset()
segment.SegmentNumber, segment.SegmentLabel = 1, 'Polyp'
data.SegmentSequence = [segment]
groups = []
for number in (1, 3):
    source, derivation, identification, frame = Dataset(), Dataset(), Dataset(), Dataset()
    source.ReferencedSOPClassUID, source.ReferencedSOPInstanceUID, source.ReferencedFrameNumber = CAPTURE, uid, number
    derivation.SourceImageSequence = [source]
    identification.ReferencedSegmentNumber = 1
    frame.DerivationImageSequence, frame.SegmentIdentificationSequence = [derivation], [identification]
    groups.append(frame)
data.PerFrameFunctionalGroupsSequence = groups
masks = np.zeros((2, rows, columns), np.uint8)
masks[0, 2:5, 3:9] = 1
masks[1, 7:12, 0:16] = 1
put(data, np.packbits(masks.ravel(), bitorder='little'))
save('seg.dcm', data)

json.dump(expected, open(f'{here}/expected.json', 'w'), indent=1, sort_keys=True)
