import Foundation
import Imaging
import TestSupport
import Testing

/// The DICOM files in Fixtures/dicom and what dcmj2pnm shows of them.
enum DICOMFixtures {
  struct Expectation: Decodable {
    let rows: Int
    let columns: Int
    let channels: Int
    let frames: Int
    let samples: String
  }

  static let folder = Fixtures.folder.appending(path: "dicom")

  static let expected: [String: Expectation] = {
    do {
      let data = try Data(contentsOf: folder.appending(path: "expected.json"))
      return try JSONDecoder().decode([String: Expectation].self, from: data)
    } catch {
      fatalError("Fixtures/dicom/expected.json: \(error); run make_dicom.py")
    }
  }()

  static let names = expected.keys.sorted()

  static func url(_ name: String) -> URL { folder.appending(path: name) }

  static func samples(_ name: String) throws -> [UInt8] {
    let expectation = try #require(expected[name])
    return [UInt8](try Data(contentsOf: url(expectation.samples)))
  }
}

@Suite("DICOM files", .enabled(if: DICOMFile.isBuiltIn, "mcdrl was built without DICOM"))
struct DICOMTests {
  @Test("Frames are as dcmj2pnm shows them", arguments: DICOMFixtures.names)
  func frames(name: String) throws {
    let expectation = try #require(DICOMFixtures.expected[name])
    let samples = try DICOMFixtures.samples(name)
    let file = try DICOMFile(DICOMFixtures.url(name))
    #expect(file.width == expectation.columns && file.height == expectation.rows)
    #expect(file.frameCount == expectation.frames)
    #expect(!file.isVideo)
    let size = expectation.rows * expectation.columns * expectation.channels
    // From the last to the first, so that no frame relies on one before it.
    for frame in (0..<expectation.frames).reversed() {
      let image = try file.frame(frame)
      #expect(image.width == file.width && image.height == file.height)
      #expect(image.channels == expectation.channels)
      #expect(image.pixels == Array(samples[frame * size..<(frame + 1) * size]), "frame \(frame + 1)")
    }
  }

  @Test("A frame of baseline JPEG has the pixels of the .jpg in it")
  func jpeg() throws {
    let frame = try DICOMFile(DICOMFixtures.url("jpeg-ycbcr.dcm")).frame(0)
    let picture = try ImageFile.read(DICOMFixtures.url("jpeg-ycbcr.jpg"))
    #expect(frame == picture)
  }

  @Test("Files are recognised by content", arguments: DICOMFixtures.names + ["report.dcm", "video.dcm"])
  func content(name: String) throws {
    let folder = try TemporaryFolder("dicom")
    let copy = folder.file("picture.jpg")
    try FileManager.default.copyItem(at: DICOMFixtures.url(name), to: copy)
    #expect(DICOMFile.isDICOM(copy))
  }

  @Test("Pictures and other files are no DICOM", arguments: Fixtures.all)
  func pictures(name: String) { #expect(!DICOMFile.isDICOM(Fixtures.url(name))) }

  @Test("What is not there is no DICOM, and its error says so")
  func missing() throws {
    let folder = try TemporaryFolder("dicom")
    let url = folder.file("none.dcm")
    #expect(!DICOMFile.isDICOM(url))
    #expect(!DICOMFile.isDICOM(folder.url))
    #expect(throws: ImagingError.missing(file: url.path)) { try DICOMFile(url) }
    try Data("a text of some length".utf8).write(to: url)
    #expect(throws: DICOMError.notDICOM(file: url.path)) { try DICOMFile(url) }
  }

  @Test("A patient has one group in every character set")
  func groups() throws {
    let names = ["patient-utf8.dcm", "patient-gb18030.dcm", "patient-ir58.dcm"]
    let groups = try names.map { try DICOMFile(DICOMFixtures.url($0)).patientGroup }
    #expect(groups[0] != nil && Set(groups).count == 1)
    let other = try DICOMFile(DICOMFixtures.url("rgb.dcm")).patientGroup
    #expect(other != groups[0])
    #expect(other?.count == 12 && other?.allSatisfy(\.isHexDigit) == true)
  }

  @Test("Kinds of objects are told by their class")
  func kinds() throws {
    #expect(try DICOMFile(DICOMFixtures.url("rgb.dcm")).kind == .endoscopic)
    #expect(try DICOMFile(DICOMFixtures.url("planar.dcm")).kind == .secondaryCapture)
    #expect(try DICOMFile(DICOMFixtures.url("video.dcm")).kind == .video)
    #expect(try DICOMFile(DICOMFixtures.url("rgb.dcm")).kind.note == nil)
  }

  @Test("A video gives its stream and no frame")
  func video() throws {
    let url = DICOMFixtures.url("video.dcm")
    let file = try DICOMFile(url)
    #expect(file.isVideo)
    let stream = try Data(contentsOf: DICOMFixtures.url("video.raw"))
    #expect(try file.videoStream() == stream)
    #expect(throws: DICOMError.video(file: url.path)) { try file.frame(0) }
    let still = DICOMFixtures.url("rgb.dcm")
    #expect(throws: DICOMError.notAVideo(file: still.path)) { try DICOMFile(still).videoStream() }
  }

  @Test("An object without pixels says what it is")
  func report() {
    let text = message { _ = try DICOMFile(DICOMFixtures.url("report.dcm")) }
    #expect(text.contains("report.dcm") && text.contains("without pictures"))
  }

  @Test("A frame that is not there is an error")
  func noSuchFrame() throws {
    let url = DICOMFixtures.url("rle.dcm")
    let file = try DICOMFile(url)
    for index in [-1, 2, Int.max] {
      #expect(throws: DICOMError.noSuchFrame(file: url.path, index: index, count: 2)) {
        try file.frame(index)
      }
    }
  }

  @Test("A file that states more frames than it holds is refused when it is opened")
  func statedFrames() throws {
    let folder = try TemporaryFolder("dicom")
    let url = folder.file("many.dcm")
    for name in ["jpeg-frames.dcm", "rle.dcm", "seg.dcm"] {
      var bytes = [UInt8](try Data(contentsOf: DICOMFixtures.url(name)))
      // NumberOfFrames, a text of two bytes.
      let head: [UInt8] = [0x28, 0, 8, 0, 0x49, 0x53, 2, 0]
      let start = try #require(
        bytes.indices.first { $0 + 10 <= bytes.count && Array(bytes[$0..<$0 + 8]) == head })
      bytes[start + 8] = 0x39
      try Data(bytes).write(to: url)
      let text = message { _ = try DICOMFile(url) }
      #expect(text.contains("many.dcm") && text.contains("more frames than"), "\(name): \(text)")
    }
  }

  @Test("A frame above the limit is refused before it is decoded")
  func limits() {
    let url = DICOMFixtures.url("rgb.dcm")
    #expect(throws: ImagingError.tooManyPixels(file: url.path, width: 16, height: 12, limit: 100)) {
      try DICOMFile(url, limits: ImageLimits(maximumPixels: 100))
    }
    let deflated = message {
      _ = try DICOMFile(DICOMFixtures.url("deflated.dcm"), limits: ImageLimits(maximumFileBytes: 300))
    }
    #expect(deflated.contains("deflated.dcm"))
  }

  @Test("A file that was open already gives its frames, within the limits of the reading")
  func kept() throws {
    let frames = DICOMFrames(mostOpen: 1)
    let file = try DICOMFile(DICOMFixtures.url("jpeg-frames.dcm"))
    let other = DICOMFixtures.url("rgb.dcm")
    frames.keep(file)
    frames.keep(try DICOMFile(other))
    for url in [file.url, other, file.url] {
      #expect(try frames.frame(0, of: url, limits: .default) == DICOMFile(url).frame(0))
    }
    let limits = ImageLimits(maximumPixels: 16 * 12 - 1)
    #expect(throws: ImagingError.tooManyPixels(file: file.url.path, width: 16, height: 12, limit: 191)) {
      try frames.frame(1, of: file.url, limits: limits)
    }
  }

  @Test("Sequences that are nested without end are refused")
  func nesting() throws {
    let folder = try TemporaryFolder("dicom")
    let url = folder.file("deep.dcm")
    let whole = [UInt8](try Data(contentsOf: DICOMFixtures.url("rgb.dcm")))
    let open: [UInt8] = [
      0x08, 0, 0x15, 0x11, 0x53, 0x51, 0, 0, 255, 255, 255, 255, 0xFE, 0xFF, 0, 0xE0, 255, 255, 255, 255,
    ]
    // The file meta information ends where the first element of group 8 begins.
    let start = try #require(
      whole.indices.first { $0 > 132 && $0 + 4 < whole.count && whole[$0..<$0 + 4] == [8, 0, 5, 0] })
    let nested = [[UInt8]](repeating: open, count: 50_000).flatMap { $0 }
    try Data(whole[..<start] + nested).write(to: url)
    #expect(message { _ = try DICOMFile(url) }.contains("deep.dcm"))
  }

  @Test("Threads share a file")
  func threads() async throws {
    let file = try DICOMFile(DICOMFixtures.url("jpeg-frames.dcm"))
    let wanted = try (0..<3).map { try file.frame($0) }
    try await withThrowingTaskGroup(of: Bool.self) { group in
      for round in 0..<60 { group.addTask { try file.frame(round % 3) == wanted[round % 3] } }
      for try await isEqual in group { #expect(isEqual) }
    }
  }

  @Test("A file cut anywhere is an error that names it, or whole", arguments: DICOMFixtures.names)
  func truncated(name: String) throws {
    let folder = try TemporaryFolder("dicom")
    let url = folder.file("cut.dcm")
    let bytes = try Data(contentsOf: DICOMFixtures.url(name))
    let samples = try DICOMFixtures.samples(name)
    for length in stride(from: 0, to: bytes.count, by: max(1, bytes.count / 60)) {
      try bytes.prefix(length).write(to: url)
      do {
        let file = try DICOMFile(url)
        let frames = try (0..<file.frameCount).map { try file.frame($0).pixels }
        #expect(frames.flatMap { $0 } == samples, "cut to \(length) of \(bytes.count) bytes")
      } catch {
        #expect("\(error)".contains(url.lastPathComponent))
      }
    }
  }

  @Test(
    "No error holds a value of the patient", arguments: DICOMFixtures.names + ["report.dcm", "video.dcm"])
  func privacy(name: String) throws {
    let folder = try TemporaryFolder("dicom")
    let url = folder.file("x.dcm")
    let original = [UInt8](try Data(contentsOf: DICOMFixtures.url(name)))
    var generator = SplitMix(seed: 21)
    for _ in 0..<100 {
      var bytes = original
      for _ in 0..<3 {
        bytes[Int.random(in: 0..<bytes.count, using: &generator)] = .random(in: 0...255, using: &generator)
      }
      try Data(bytes).write(to: url)
      let text = message {
        let file = try DICOMFile(url, limits: ImageLimits(maximumPixels: 1_000_000))
        for frame in 0..<min(4, file.frameCount) { _ = try file.frame(frame) }
      }
      for value in ["Zebra", "fink", "Ada"] { #expect(!text.contains(value), "\(text)") }
    }
  }
}
