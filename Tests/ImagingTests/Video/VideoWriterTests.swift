import Foundation
import Storage
import TestSupport
import Testing

@testable import Imaging

@Suite("Writing video", .enabled(if: VideoLibrary.version != nil, "built without FFmpeg"))
struct VideoWriterTests {
  private func mask(_ width: Int, _ height: Int, seed: Int) throws -> Image {
    var generator = SplitMix(seed: UInt64(seed))
    let pixels = (0..<width * height).map { _ in UInt8.random(in: 0...255, using: &generator) }
    return try Image(width: width, height: height, channels: 1, pixels: pixels)
  }

  private func flat(_ width: Int, _ height: Int, _ colour: [UInt8]) throws -> Image {
    let pixels = Array((0..<width * height).map { _ in colour }.joined())
    return try Image(width: width, height: height, channels: 3, pixels: pixels)
  }

  @Test("Masks come back bit for bit at their times", arguments: [(45, 33), (1, 1), (64, 7), (400, 300)])
  func lossless(size: (Int, Int)) throws {
    let folder = try TemporaryFolder("video")
    let url = folder.file("mask.mkv")
    let times: [Int64] = [0, 3600, 7200, 20_700, 90_000, 900_000]
    let masks = try times.indices.map { try mask(size.0, size.1, seed: $0) }
    let writer = try VideoWriter(
      to: url, width: size.0, height: size.1, timeBase: (1, 90_000), kind: .lossless)
    #expect(writer.encoder == "ffv1")
    for (mask, time) in zip(masks, times) { try writer.append(mask, pts: time) }
    try writer.finish()
    let reader = try VideoReader(url)
    #expect(reader.channels == 1)
    let frames = try VideoFixtures.frames(reader)
    #expect(frames.map(\.image) == masks)
    #expect(zip(frames, times).allSatisfy { abs($0.time - Double($1) / 90_000) < 0.0006 })
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path) == ["mask.mkv"])
  }

  @Test(
    "An overlay keeps the times of the video that it was made of", arguments: ["steady.mp4", "variable.mkv"])
  func overlay(name: String) throws {
    let folder = try TemporaryFolder("video")
    let url = folder.file("overlay.mp4")
    let source = try VideoReader(VideoFixtures.url(name))
    let frames = try VideoFixtures.frames(source)
    let writer = try VideoWriter(
      to: url, width: source.width, height: source.height, timeBase: source.timeBase, kind: .overlay,
      frameRate: source.frameRate)
    #expect(writer.encoder == VideoLibrary.encoder)
    for frame in frames { try writer.append(frame.image, pts: frame.pts, duration: frame.duration) }
    try writer.finish()
    let written = try VideoFixtures.frames(VideoReader(url))
    #expect(written.count == frames.count)
    #expect(zip(written, frames).allSatisfy { abs($0.time - $1.time) < 1e-9 })
    #expect(written.map { VideoFixtures.number($0.image) } == frames.map { VideoFixtures.number($0.image) })
  }

  @Test("Odd sides are padded by a copy of the last pixels, and colours stay")
  func padding() throws {
    let folder = try TemporaryFolder("video")
    let url = folder.file("overlay.mp4")
    let writer = try VideoWriter(to: url, width: 47, height: 31, timeBase: (1, 25), kind: .overlay)
    for time in 0..<4 { try writer.append(try flat(47, 31, [200, 80, 40]), pts: Int64(time)) }
    try writer.finish()
    for frame in try VideoFixtures.frames(VideoReader(url)) {
      #expect((frame.image.width, frame.image.height) == (48, 32))
      let differences = frame.image.pixels.enumerated().map { abs(Int($1) - [200, 80, 40][$0 % 3]) }
      #expect((differences.max() ?? 0) <= 6)
    }
  }

  @Test("Without an end nothing is left, and an old file stays")
  func unfinished() throws {
    let folder = try TemporaryFolder("video")
    let url = folder.file("mask.mkv")
    try Data("old".utf8).write(to: url)
    do {
      let writer = try VideoWriter(to: url, width: 32, height: 32, timeBase: (1, 25), kind: .lossless)
      try writer.append(try mask(32, 32, seed: 1), pts: 0)
    }
    let discarded = try VideoWriter(to: url, width: 32, height: 32, timeBase: (1, 25), kind: .lossless)
    discarded.discard()
    #expect(throws: VideoError.self) { try discarded.append(try mask(32, 32, seed: 1), pts: 0) }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path) == ["mask.mkv"])
    #expect(try Data(contentsOf: url) == Data("old".utf8))
  }

  @Test("A frame of another size, with colours or at an earlier time is an error that names the file")
  func wrongFrames() throws {
    let folder = try TemporaryFolder("video")
    let url = folder.file("mask.mkv")
    let writer = try VideoWriter(to: url, width: 32, height: 32, timeBase: (1, 25), kind: .lossless)
    try writer.append(try mask(32, 32, seed: 1), pts: 5)
    let wrong: [(Image, Int64)] = [
      (try mask(32, 31, seed: 1), 6), (try flat(32, 32, [1, 2, 3]), 6), (try mask(32, 32, seed: 2), 5),
    ]
    for (image, time) in wrong {
      let error = #expect(throws: VideoError.self) { try writer.append(image, pts: time) }
      #expect(error?.description.hasPrefix(url.path) == true)
    }
    try writer.append(try mask(32, 32, seed: 2), pts: 6)
    try writer.finish()
    #expect(try VideoFixtures.frames(VideoReader(url)).count == 2)
  }

  @Test("A folder that is not there is an error that names the file")
  func noFolder() throws {
    let folder = try TemporaryFolder("video")
    let url = folder.file("missing/overlay.mp4")
    #expect(throws: FileError.self) {
      try VideoWriter(to: url, width: 32, height: 32, timeBase: (1, 25), kind: .overlay)
    }
    #expect(throws: VideoError.self) {
      try VideoWriter(to: folder.file("a.mp4"), width: 0, height: 32, timeBase: (1, 25), kind: .overlay)
    }
  }
}
