import Foundation
import Storage
import TestSupport
import Testing

@testable import Imaging

@Suite("DICOM output", .enabled(if: DICOMFile.isBuiltIn, "built without DICOM"))
struct DICOMOutputTests {
  private let folder: TemporaryFolder
  private let algorithm = DICOMAlgorithm()

  init() throws { folder = try TemporaryFolder("dicom-output") }

  private func source(_ example: DICOMExample, _ name: String = "source.dcm") throws -> URL {
    let url = folder.file(name)
    try example.write(to: url)
    return url
  }

  private var options: DICOMSegmentation.Options { .init(segments: [.init(name: "polyp")]) }

  @Test("An overlay has the drawn pixels, and says that they are burned in")
  func overlay() throws {
    // 13 × 9 × 3 bytes are odd.
    let example = DICOMExample()
    let (file, out) = (try source(example), folder.file("out.dcm"))
    try DICOMOverlay.write(source: file, algorithm: algorithm, to: out) { try example.picture($0) }
    let found = try DICOMExample.read(out)
    let texts: [(UInt32, String)] = [
      (0x0008_0008, "DERIVED\\SECONDARY"), (0x0008_0016, "1.2.840.10008.5.1.4.1.1.7"), (0x0008_0060, "ES"),
      (0x0008_0064, "WSD"), (0x0010_0020, "ID-4711"), (0x0020_000D, "2.25.1001.1"), (0x0020_0011, "2004"),
      (0x0020_0013, "1"), (0x0028_0004, "RGB"), (0x0028_0301, "YES"), (0x0028_2110, "00"),
    ]
    for (tag, text) in texts {
      #expect(DICOMExample.text(found, tag) == text, "\(String(tag, radix: 16))")
    }
    #expect(found[0x0028_0008] == nil)
    #expect(found[0x0008_2111] != nil && found[0x0008_2112] != nil)
    #expect(found[0x7FE0_0010] == Data(example.pixels + [0]))
    #expect(try DICOMFile(out).isOverlay)
    #expect(try !DICOMFile(file).isOverlay)
  }

  @Test("A multi-frame source gives a multi-frame overlay, of all frames or some")
  func multiframeOverlay() throws {
    var example = DICOMExample(frames: 4, sopClass: DICOMExample.trueColour)
    example.set(0x0018_1063, "DS", "40")
    let (file, out) = (try source(example), folder.file("out.dcm"))
    try DICOMOverlay.write(source: file, algorithm: algorithm, to: out) { try example.picture($0) }
    var found = try DICOMExample.read(out)
    #expect(DICOMExample.text(found, 0x0008_0016) == DICOMExample.trueColour)
    #expect(DICOMExample.text(found, 0x0028_0008) == "4")
    #expect(DICOMExample.text(found, 0x0018_1063) == "40")
    #expect(found[0x7FE0_0010] == Data(example.pixels))
    try DICOMOverlay.write(frames: [2, 4], source: file, algorithm: algorithm, to: out) {
      try example.picture($0)
    }
    found = try DICOMExample.read(out)
    #expect(DICOMExample.text(found, 0x0018_2001) == "2\\4")
    #expect(DICOMExample.text(found, 0x0028_0008) == "2")
  }

  @Test("Outlines are drawn in the colours of the segments")
  func outlines() throws {
    let example = DICOMExample()
    let (file, out) = (try source(example), folder.file("out.dcm"))
    let mask = try Image(
      width: 13, height: 9, channels: 1, pixels: (0..<117).map { $0 == 60 ? UInt8(1) : 0 })
    try DICOMOverlay.write(
      source: file, segments: options.segments, algorithm: algorithm, to: out
    ) { (try example.picture($0), [mask]) }
    let drawn = try DICOMExample.read(out)[0x7FE0_0010] ?? Data()
    let changed = (0..<117).filter { pixel in
      (0..<3).contains { drawn[3 * pixel + $0] != example.pixels[3 * pixel + $0] }
    }
    #expect(changed == [60])
    #expect(Array(drawn[180..<183]) == [255, 221, 0])
  }

  @Test("With a fingerprint an overlay keeps its UID, without one it has a new one")
  func overlayIdentity() throws {
    let example = DICOMExample()
    let (file, out) = (try source(example), folder.file("out.dcm"))
    var named = algorithm
    named.fingerprint = "run 1"
    let uids = try [named, named, algorithm, algorithm].map { algorithm in
      try DICOMOverlay.write(source: file, algorithm: algorithm, to: out) { try example.picture($0) }
      return DICOMExample.text(try DICOMExample.read(out), 0x0008_0018)
    }
    #expect(uids[0] == uids[1] && Set(uids).count == 3)
    #expect(uids[0] == derivedUID("overlay", "run 1", "2.25.1001.3", frame: 1))
    // The messages end in many places of a block.
    for length in stride(from: 0, through: 130, by: 13) {
      named.fingerprint = String(repeating: "x", count: length + 1)
      try DICOMOverlay.write(source: file, algorithm: named, to: out) { try example.picture($0) }
      #expect(
        DICOMExample.text(try DICOMExample.read(out), 0x0008_0018)
          == derivedUID("overlay", named.fingerprint, "2.25.1001.3", frame: 1), "\(length)")
    }
  }

  /// The UID that the writer derives from texts and a frame, by the SHA-256 of `Storage`.
  private func derivedUID(_ texts: String..., frame: UInt64) -> String {
    func bytes(_ number: UInt64) -> [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) } }
    let message = texts.flatMap { bytes(UInt64($0.utf8.count)) + Array($0.utf8) } + bytes(frame)
    var uuid = Array(SHA256.hash(message).prefix(16))
    uuid[6] = uuid[6] & 0x0F | 0x80
    uuid[8] = uuid[8] & 0x3F | 0x80
    // The digits of the number, lowest first: each byte multiplies by 256 and adds itself.
    var digits = [0]
    for byte in uuid {
      var carry = Int(byte)
      for place in digits.indices {
        carry += digits[place] * 256
        digits[place] = carry % 10
        carry /= 10
      }
      while carry > 0 {
        digits.append(carry % 10)
        carry /= 10
      }
    }
    return "2.25." + digits.reversed().map(String.init).joined()
  }

  @Test("An error names the file and the fault, and nothing of the patient")
  func faults() throws {
    let good = DICOMExample()
    var faulty: [String: URL] = [
      "missing": folder.file("missing.dcm"), "folder": folder.url, "text": folder.file("text.dcm"),
      "empty": folder.file("empty.dcm"), "cut": folder.file("cut.dcm"),
    ]
    try Data("no DICOM at all".utf8).write(to: folder.file("text.dcm"))
    try Data().write(to: folder.file("empty.dcm"))
    try Data(contentsOf: try source(good)).prefix(300).write(to: folder.file("cut.dcm"))
    let changes: [(String, UInt32)] = [
      ("study", 0x0020_000D), ("series", 0x0020_000E), ("instance", 0x0008_0018), ("class", 0x0008_0016),
      ("rows", 0x0028_0010), ("pixels", 0x7FE0_0010),
    ]
    for (name, tag) in changes {
      var example = good
      example.remove(tag)
      faulty[name] = try source(example, "\(name).dcm")
    }
    var endless = good
    endless.set(0x0028_0008, "IS", "-3")
    faulty["frames"] = try source(endless, "frames.dcm")
    for (name, file) in faulty {
      #expect {
        try DICOMSegmentation(sources: [file], options: options)
      } throws: { error in
        let text = "\(error)"
        return error is DICOMWritingError && text.contains(file.path)
          && !DICOMExample.secrets.contains { text.contains($0) }
      }
      #expect(throws: DICOMWritingError.self, "\(name)") {
        try DICOMOverlay.write(source: file, algorithm: algorithm, to: folder.file("never.dcm")) { _ in
          try good.picture(1)
        }
      }
    }
    #expect(!FileManager.default.fileExists(atPath: folder.file("never.dcm").path))
    #expect(throws: DICOMWritingError.self) { try DICOMSegmentation(sources: [], options: options) }
  }

  @Test("Masks and frames that do not fit are errors")
  func arguments() throws {
    let example = DICOMExample(frames: 3, sopClass: DICOMExample.trueColour)
    let file = try source(example)
    let mask = try Image(width: 13, height: 9, channels: 1, pixels: [UInt8](repeating: 1, count: 117))
    let narrow = try Image(width: 12, height: 9, channels: 1, pixels: [UInt8](repeating: 1, count: 108))
    let object = try DICOMSegmentation(sources: [file], options: options)
    try object.append([mask], frame: 2)
    let wrong: [([Image?], Int, Int)] = [
      ([mask], 2, 0), ([mask], 1, 0), ([mask], 4, 0), ([mask], 0, 0), ([mask], -1, 0), ([mask], 3, 1),
      ([mask], 3, -1), ([narrow], 3, 0), ([mask.rgb], 3, 0), ([mask, mask], 3, 0), ([], 3, 0),
    ]
    for (masks, frame, source) in wrong {
      #expect(throws: DICOMWritingError.self, "frame \(frame) of source \(source)") {
        try object.append(masks, frame: frame, source: source)
      }
    }
    try object.append([mask], frame: 3)
    let out = folder.file("out.dcm")
    try object.write(to: out)
    #expect(try WrittenMask.all(in: out).map(\.frame) == [2, 3])
    for frames in [[], [0], [4], [2, 1], [1, 1], [-1]] {
      #expect(throws: DICOMWritingError.self, "frames \(frames)") {
        try DICOMOverlay.write(frames: frames, source: file, algorithm: algorithm, to: out) {
          try example.picture($0)
        }
      }
    }
    #expect(throws: DICOMWritingError.self) {
      try DICOMOverlay.write(source: file, algorithm: algorithm, to: folder.file("never.dcm")) { _ in narrow }
    }
    #expect(!FileManager.default.fileExists(atPath: folder.file("never.dcm").path))
    #expect(throws: DICOMWritingError.self) {
      try DICOMSegmentation(sources: [file], options: .init(segments: [.init(name: " ")]))
    }
  }

  @Test("A folder that is not there is an error that names the path")
  func target() throws {
    let example = DICOMExample()
    let file = try source(example)
    let nowhere = folder.file("none/out.dcm")
    let object = try DICOMSegmentation(sources: [file], options: options)
    #expect { try object.write(to: nowhere) } throws: { $0 is FileError && "\($0)".contains(nowhere.path) }
    #expect {
      try DICOMOverlay.write(source: file, algorithm: algorithm, to: nowhere) { try example.picture($0) }
    } throws: { $0 is FileError && "\($0)".contains(nowhere.path) }
  }

  @Test("Names of classes give codes, and polyps of the colon their region")
  func codes() throws {
    for name in ["polyp", "Polyps", "colorectal-polyp", "non-neoplastic polyp", "neoplastic_polyp"] {
      #expect(SegmentCode(className: name) == .polyp, "\(name)")
    }
    for name in ["lesion", "vocal fold polyp", "nasal polyp", "polyposis", "cancer", "", "息肉"] {
      #expect(SegmentCode(className: name) == .lesion, "\(name)")
    }
    let polyp = DICOMSegmentation.Segment(name: "polyp")
    let other = DICOMSegmentation.Segment(name: "cancer")
    #expect(algorithm.locating([polyp]).region == .largeIntestine)
    #expect(algorithm.locating([polyp, other]).region == nil)
    var larynx = algorithm
    larynx.region = .larynx
    #expect(larynx.locating([polyp]).region == .larynx)
    let out = folder.file("out.dcm")
    let object = try DICOMSegmentation(
      sources: [try source(DICOMExample())], options: .init(segments: [polyp], algorithm: larynx))
    try object.write(to: out)
    let segments = try DICOMExample.read(out)[0x0062_0002]
    #expect(segments?.range(of: Data("52988006".utf8)) != nil)
    #expect(segments?.range(of: Data("68496003".utf8)) == nil)
    #expect(segments?.range(of: Data("4596009".utf8)) != nil)
  }

  @Test("Dates are those of the time zone")
  func stamps() throws {
    var algorithm = DICOMAlgorithm()
    algorithm.date = Date(timeIntervalSince1970: 1_700_000_000)
    let zone = try #require(TimeZone(secondsFromGMT: 3600))
    #expect(algorithm.stamps(in: zone) == ("20231114", "231320"))
  }
}
