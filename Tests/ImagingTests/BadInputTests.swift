import Foundation
import TestSupport
import Testing

@testable import Imaging

@Suite("Bad input")
struct BadInputTests {
  /// The error that reading gives, or nil.
  private func failure(_ body: () throws -> Image) -> ImagingError? {
    do {
      _ = try body()
      return nil
    } catch {
      return error as? ImagingError
    }
  }

  @Test("A missing file, a folder, an empty file and a text each have their own message")
  func distinctMessages() throws {
    let folder = try Fixtures.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let empty = folder.appending(path: "empty.png")
    try Data().write(to: empty)
    let text = folder.appending(path: "notes.png")
    try Data("not a picture".utf8).write(to: text)
    let missing = folder.appending(path: "missing.png")
    #expect(failure { try ImageFile.read(missing) } == .missing(file: missing.path))
    #expect(failure { try ImageFile.read(folder) } == .notAFile(file: folder.path))
    #expect(failure { try ImageFile.read(empty) } == .empty(file: empty.path))
    #expect(failure { try ImageFile.read(text) } == .unknownFormat(file: text.path))
    #expect(failure { try MaskFile.read(missing) } == .missing(file: missing.path))
    for url in [missing, folder, empty, text] {
      #expect(failure { try ImageFile.read(url) }?.description.hasPrefix(url.path) == true)
      #expect(throws: ImagingError.self) { try ImageFile.size(url) }
    }
  }

  @Test("A pipe is refused without waiting for a writer")
  func pipe() throws {
    let folder = try Fixtures.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let pipe = folder.appending(path: "pipe.png")
    #expect(mkfifo(pipe.path, 0o600) == 0)
    #expect(failure { try ImageFile.read(pipe) } == .notAFile(file: pipe.path))
  }

  @Test("A file that may not be read says why")
  func unreadable() throws {
    let folder = try Fixtures.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let secret = folder.appending(path: "secret.png")
    try FileManager.default.copyItem(at: Fixtures.url("rgb.png"), to: secret)
    try FileManager.default.setAttributes([.posixPermissions: 0], ofItemAtPath: secret.path)
    let reason = String(cString: strerror(EACCES))
    let found = withoutPrivileges { failure { try ImageFile.read(secret) } }
    #expect(found == .unreadable(file: secret.path, reason: reason))
  }

  /// Looks at files as a user without rights; root, who may read all, does so on this thread alone.
  private func withoutPrivileges<Result>(_ body: () -> Result) -> Result {
    #if os(Linux)
      typealias SetUser = @convention(c) (uid_t) -> Int32
      if getuid() == 0, let symbol = dlsym(nil, "setfsuid") {
        let setUser = unsafeBitCast(symbol, to: SetUser.self)
        let before = setUser(65_534)
        defer { _ = setUser(uid_t(before)) }
        return body()
      }
    #endif
    return body()
  }

  @Test("A kilobyte that promises 30,000 × 30,000 pixels is refused from its header")
  func pixelBomb() throws {
    let url = Fixtures.url("bomb.png")
    let expected = ImagingError.tooManyPixels(
      file: url.path, width: 30_000, height: 30_000, limit: 100_000_000)
    #expect(failure { try ImageFile.read(url) } == expected)
    #expect(failure { try MaskFile.read(url) } == expected)
    for part in [url.path, "30000 × 30000", "100000000", "ImageLimits.maximumPixels"] {
      #expect(expected.description.contains(part))
    }
    #expect(try ImageFile.size(url) == (30_000, 30_000))
  }

  @Test("The limits can be set", arguments: ["rgb.png", "baseline.jpg", "strips.tif", "rgb.bmp"])
  func limits(name: String) throws {
    let url = Fixtures.url(name)
    let (width, height) = try ImageFile.size(url)
    #expect(throws: Never.self) {
      try ImageFile.read(url, limits: ImageLimits(maximumPixels: width * height))
    }
    let pixels = ImageLimits(maximumPixels: width * height - 1)
    #expect(
      failure { try ImageFile.read(url, limits: pixels) }
        == .tooManyPixels(file: url.path, width: width, height: height, limit: width * height - 1))
    let bytes = try Fixtures.bytes(name).count
    #expect(
      failure { try ImageFile.read(url, limits: ImageLimits(maximumFileBytes: bytes - 1)) }
        == .fileTooLarge(file: url.path, bytes: bytes, limit: bytes - 1))
  }

  @Test("The limit counts the pixels in the file, not those of the reduced picture")
  func limitBeforeReduction() {
    #expect(throws: ImagingError.self) {
      try ImageFile.read(Fixtures.url("baseline.jpg"), limits: ImageLimits(maximumPixels: 500), reducedBy: 8)
    }
  }

  @Test("A 16-bit mask with labels above 255 is refused with the label")
  func largeLabel() {
    let url = Fixtures.url("labels300.png")
    #expect(failure { try MaskFile.read(url) } == .labelTooLarge(file: url.path, value: 300))
  }

  @Test("A mask in colours is refused", arguments: ["rgb.png", "palette8.png", "baseline.jpg", "rgb.bmp"])
  func colouredMask(name: String) {
    guard
      case .colouredMask(let file, let colours, let indices)? = failure({
        try MaskFile.read(Fixtures.url(name))
      })
    else {
      Issue.record("\(name) was read")
      return
    }
    #expect(
      file == Fixtures.url(name).path && !colours.isEmpty && (indices != nil) == (name == "palette8.png"))
  }

  @Test("Kinds that are not read say so", arguments: ["run-length.bmp", "floats.tif"])
  func unsupported(name: String) {
    guard case .unsupported(let file, _, _)? = failure({ try ImageFile.read(Fixtures.url(name)) }) else {
      Issue.record("\(name) was not refused as unsupported")
      return
    }
    #expect(file == Fixtures.url(name).path)
  }

  @Test("A file cut anywhere is an error or, past its pixels, whole", arguments: Fixtures.all)
  func truncated(name: String) throws {
    let bytes = try Fixtures.bytes(name)
    let whole = try? ImageFile.decode(bytes, file: name)
    let step = max(1, bytes.count / 97)
    for length in Set(stride(from: 0, to: bytes.count, by: step)).union(
      max(0, bytes.count - 20)..<bytes.count)
    {
      let part = Array(bytes.prefix(length))
      // Some bytes after the last pixel carry nothing; a picture that is read must then be the whole picture.
      if let image = try? ImageFile.decode(part, file: name) {
        #expect(image == whole, "\(name) cut to \(length) of \(bytes.count) bytes")
      }
      _ = try? MaskFile.decode(part, file: name, as: .indices)
      do {
        _ = try ImageFile.decode(part, file: name)
      } catch {
        #expect("\(error)".hasPrefix(name))
      }
    }
  }

  @Test(
    "JPEG, PNG and BMP cut short are always errors", arguments: Fixtures.all.filter { !$0.hasSuffix("tif") })
  func truncatedIsAnError(name: String) throws {
    let bytes = try Fixtures.bytes(name)
    for length in Set([bytes.count / 4, bytes.count / 2, bytes.count * 3 / 4, bytes.count - 1]) {
      #expect(throws: ImagingError.self) { try ImageFile.decode(Array(bytes.prefix(length)), file: name) }
    }
  }

  @Test("Flipped bytes decode or throw, never crash", arguments: Fixtures.all)
  func flippedBytes(name: String) throws {
    let original = try Fixtures.bytes(name)
    var generator = SplitMix(seed: UInt64(original.count) &* 31)
    let limits = ImageLimits(maximumPixels: 1_000_000)
    for round in 0..<120 {
      var bytes = original
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        // Headers decide most, so every other round stays in them.
        let end = round.isMultiple(of: 2) ? min(200, bytes.count) : bytes.count
        bytes[Int.random(in: 0..<end, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
      }
      if let image = try? ImageFile.decode(bytes, file: name, limits: limits) {
        #expect(image.pixels.count == image.width * image.height * image.channels)
      }
      _ = try? MaskFile.decode(bytes, file: name, as: .indices, limits: limits)
      _ = try? MaskFile.decode(bytes, file: name, as: .grey, limits: limits)
    }
  }

  @Test("EXIF that points anywhere is ignored, not followed")
  func wildEXIF() throws {
    let original = try Fixtures.bytes("exif-6.jpg")
    let start = try #require(original.indices.first { original[$0] == 0xFF && original[$0 + 1] == 0xE1 })
    var generator = SplitMix(seed: 7)
    for _ in 0..<300 {
      var bytes = original
      for _ in 0..<3 {
        bytes[start + 10 + Int.random(in: 0..<40, using: &generator)] = .random(
          in: 0...255, using: &generator)
      }
      #expect(throws: Never.self) { try ImageFile.decode(bytes, file: "exif") }
    }
  }
}
