import Foundation
import Storage
import TestSupport
import Testing

@testable import Imaging

@Suite("Reading video", .enabled(if: VideoLibrary.version != nil, "built without FFmpeg"))
struct VideoReaderTests {
  @Test("Frames come in the order of time, with the stream's timestamps")
  func steady() throws {
    let reader = try VideoReader(VideoFixtures.url("steady.mp4"))
    #expect((reader.width, reader.height, reader.channels) == (64, 48, 3))
    #expect((reader.timeBase.0, reader.timeBase.1) == (1, 12800))
    #expect(reader.frameRate == 25 && reader.frameCount == 10)
    #expect(abs((reader.duration ?? 0) - 0.4) < 1e-9)
    #expect(reader.storage?.codec == "h264" && reader.storage?.streams == 1)
    let frames = try VideoFixtures.frames(reader)
    #expect(frames.map(\.index) == Array(0..<10))
    #expect(frames.map(\.pts) == (0..<10).map { Int64($0) * 512 })
    #expect(frames.map { VideoFixtures.number($0.image) } == Array(0..<10))
    #expect(frames.allSatisfy { !$0.isDamaged && !$0.isInterlaced && !$0.isTimeEstimated && !$0.isResized })
    #expect(!reader.endedEarly && reader.undecodedPackets == 0)
    #expect(try reader.advance() == nil)
  }

  @Test("A variable rate gives the 39 frames that are there, not 50 of a steady rate")
  func variableRate() throws {
    let frames = try VideoFixtures.frames("variable.mkv")
    let numbers = (0..<49).filter { $0 % 9 < 7 }
    #expect(numbers.count == 39)
    #expect(frames.map { VideoFixtures.number($0.image) } == numbers)
    #expect(frames.map { Int(($0.time * 1000).rounded()) } == numbers.map { $0 * 40 })
  }

  @Test("The display matrix turns the frames")
  func turned() throws {
    let reader = try VideoReader(VideoFixtures.url("turned.mp4"))
    #expect((reader.width, reader.height) == (48, 64))
    #expect(reader.storage?.orientation == 6 && reader.storage?.width == 64)
    for frame in try VideoFixtures.frames(reader) {
      #expect((frame.image.width, frame.image.height) == (48, 64))
      #expect(VideoFixtures.quarters(frame.image) == ["blue", "red", "white", "green"])
    }
  }

  @Test("Pixels that are not square are enlarged to squares")
  func wide() throws {
    let reader = try VideoReader(VideoFixtures.url("wide.mp4"))
    #expect((reader.width, reader.height) == (85, 48))
    let storage = try #require(reader.storage)
    #expect(abs(storage.pixelAspect - 4.0 / 3) < 1e-9)
    for frame in try VideoFixtures.frames(reader) {
      #expect(frame.image.pixels.count == 85 * 48 * 3)
      #expect(VideoFixtures.quarters(frame.image) == ["red", "green", "blue", "white"])
    }
  }

  @Test("Interlaced frames are marked")
  func interlaced() throws {
    let frames = try VideoFixtures.frames("interlaced.mkv")
    #expect(frames.count == 5)
    #expect(frames.allSatisfy { $0.isInterlaced })
    #expect(frames.map { VideoFixtures.number($0.image) } == Array(0..<5))
  }

  @Test("A raw stream has no timestamps; they follow its rate and are marked")
  func raw() throws {
    let frames = try VideoFixtures.frames("raw.h264")
    #expect(frames.map { Int(($0.time * 1000).rounded()) } == [0, 40, 80, 120, 160])
    #expect(frames.allSatisfy { $0.isTimeEstimated })
  }

  @Test("Bytes in memory and several threads give the same frames", arguments: VideoFixtures.names)
  func sameFrames(name: String) throws {
    let wanted = try VideoFixtures.frames(name)
    #expect(!wanted.isEmpty)
    let readers = [
      try VideoReader(stream: VideoFixtures.data(name), name: name),
      try VideoReader(VideoFixtures.url(name), threads: 3),
    ]
    for reader in readers {
      let frames = try VideoFixtures.frames(reader)
      #expect(frames.map(\.pts) == wanted.map(\.pts))
      #expect(frames.map(\.image) == wanted.map(\.image))
    }
  }

  @Test("Frames can be passed over without their picture")
  func advance() throws {
    let wanted = try VideoFixtures.frames("steady.mp4")
    let reader = try VideoReader(VideoFixtures.url("steady.mp4"))
    for _ in 0..<6 { _ = try reader.advance() }
    #expect(try reader.image() == wanted[5].image)
    #expect(try reader.next()?.index == 6)
  }

  @Test("A file cut anywhere gives its first frames or an error that names it")
  func cut() throws {
    let content = try VideoFixtures.data("steady.mp4")
    let wanted = try VideoFixtures.frames("steady.mp4")
    var most = 0
    for length in stride(from: 0, to: content.count, by: 7) {
      do {
        let reader = try VideoReader(stream: Data(content.prefix(length)), name: "cut.mp4")
        let frames = try VideoFixtures.frames(reader)
        #expect(frames.count < 10 || frames.last?.isDamaged == true)
        #expect(reader.endedEarly, "cut to \(length) of \(content.count) bytes")
        // A cut may lose a frame that is shown before one that is there.
        for frame in frames where !frame.isDamaged {
          let same = try #require(wanted.first { $0.pts == frame.pts })
          #expect(frame.image == same.image, "cut to \(length) bytes")
        }
        most = max(most, frames.count)
      } catch let error as VideoError {
        #expect(error.description.hasPrefix("cut.mp4: "))
      }
    }
    #expect(most >= 8)
  }

  @Test("Flipped bytes decode or throw, never crash", arguments: VideoFixtures.names)
  func flippedBytes(name: String) throws {
    let original = try VideoFixtures.data(name)
    var generator = SplitMix(seed: UInt64(original.count))
    let limits = ImageLimits(maximumPixels: 1_000_000)
    for _ in 0..<40 {
      var content = original
      for _ in 0..<Int.random(in: 1...6, using: &generator) {
        let place = Int.random(in: 0..<content.count, using: &generator)
        content[place] = UInt8.random(in: 0...255, using: &generator)
      }
      do {
        let reader = try VideoReader(stream: content, name: name, limits: limits)
        while let frame = try reader.next() {
          #expect(frame.image.width == reader.width && frame.image.height == reader.height)
        }
      } catch {
        #expect("\(error)".hasPrefix(name))
      }
    }
  }

  @Test("Bad files have errors of their own that name the file and the fix")
  func badFiles() throws {
    let folder = try TemporaryFolder("video")
    let text = folder.file("notes.mp4")
    try Data(String(repeating: "not a video\n", count: 100).utf8).write(to: text)
    let list = folder.file("list.m3u8")
    try Data("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nother.ts\n#EXT-X-ENDLIST\n".utf8).write(to: list)
    let empty = folder.file("empty.mp4")
    try Data().write(to: empty)
    for url in [text, list] {
      let error = #expect(throws: VideoError.self) { try VideoReader(url) }
      guard case .notAVideo(let file, _)? = error else {
        Issue.record("\(url.lastPathComponent): \(String(describing: error))")
        continue
      }
      #expect(file == url.path)
      #expect(error?.description.contains("MP4") == true)
    }
    #expect(throws: ImagingError.empty(file: empty.path)) { try VideoReader(empty) }
    let missing = folder.file("missing.mp4")
    #expect(throws: ImagingError.missing(file: missing.path)) { try VideoReader(missing) }
    #expect(throws: ImagingError.notAFile(file: folder.url.path)) { try VideoReader(folder.url) }
  }

  @Test("A frame above the limit is refused")
  func limit() throws {
    let url = VideoFixtures.url("wide.mp4")
    #expect(throws: Never.self) { try VideoReader(url, limits: ImageLimits(maximumPixels: 85 * 48)) }
    let expected = VideoError.tooManyPixels(file: url.path, width: 85, height: 48, limit: 85 * 48 - 1)
    #expect(throws: expected) { try VideoReader(url, limits: ImageLimits(maximumPixels: 85 * 48 - 1)) }
    #expect(expected.description.contains("ImageLimits.maximumPixels"))
  }
}

@Suite("Without FFmpeg", .enabled(if: VideoLibrary.version == nil, "built with FFmpeg"))
struct NoVideoTests {
  @Test("The error names the file and the packages")
  func builtWithout() throws {
    let url = VideoFixtures.url("steady.mp4")
    #expect(throws: VideoError.builtWithout(file: url.path)) { try VideoReader(url) }
    let folder = try TemporaryFolder("video")
    let out = folder.file("out.mp4")
    let error = VideoError.builtWithout(file: out.path)
    #expect(throws: error) {
      try VideoWriter(to: out, width: 8, height: 8, timeBase: (1, 25), kind: .overlay)
    }
    #expect(error.description.contains("libavformat-dev") && error.description.contains("scripts/bootstrap"))
  }
}
