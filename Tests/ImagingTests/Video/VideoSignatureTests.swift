import Foundation
import TestSupport
import Testing

@testable import Imaging

@Suite("Video by content")
struct VideoSignatureTests {
  @Test("Videos are known by their first bytes", arguments: VideoFixtures.names)
  func fixtures(name: String) throws {
    #expect(VideoReader.isVideo(VideoFixtures.url(name)))
    let folder = try TemporaryFolder("video")
    let disguised = folder.file("picture.png")
    try FileManager.default.copyItem(at: VideoFixtures.url(name), to: disguised)
    #expect(VideoReader.isVideo(disguised))
  }

  @Test("Pictures are no videos", arguments: Fixtures.all)
  func pictures(name: String) {
    #expect(!VideoReader.isVideo(Fixtures.url(name)))
  }

  @Test("Transport streams of both lengths of packets, and other containers, are known")
  func containers() {
    func packets(_ first: Int, _ step: Int, _ count: Int) -> [UInt8] {
      var bytes = [UInt8](repeating: 0xFF, count: first + step * count)
      for packet in 0..<count { bytes[first + packet * step] = 0x47 }
      return bytes
    }
    #expect(VideoReader.isVideo(packets(0, 188, 10)))
    #expect(VideoReader.isVideo(packets(4, 192, 10)))
    #expect(!VideoReader.isVideo(packets(0, 188, 2)))
    #expect(!VideoReader.isVideo(packets(0, 180, 10)))
    #expect(VideoReader.isVideo(Array("RIFF".utf8) + [1, 2, 3, 4] + Array("AVI LIST".utf8)))
    #expect(!VideoReader.isVideo(Array("RIFF".utf8) + [1, 2, 3, 4] + Array("WAVEfmt ".utf8)))
    #expect(VideoReader.isVideo([0, 0, 1, 0xBA, 0x44, 0, 4, 0]))
    #expect(VideoReader.isVideo([0, 0, 0, 1, 0x40, 1, 0x0C, 1]))
    #expect(VideoReader.isVideo([0, 0, 0, 0x20] + Array("ftypisom".utf8)))
    #expect(!VideoReader.isVideo([0, 0, 0, 0x20] + Array("ftypheic".utf8)))
    #expect(!VideoReader.isVideo([0, 0, 0, 0x20] + Array("ftypM4A ".utf8)))
    // An icon of Windows begins nearly as H.264 does.
    #expect(!VideoReader.isVideo([0, 0, 1, 0, 1, 0, 16, 16]))
  }

  @Test("Short content, a folder and a missing file are no videos")
  func others() throws {
    let folder = try TemporaryFolder("video")
    #expect(!VideoReader.isVideo(folder.url))
    #expect(!VideoReader.isVideo(folder.file("missing.mp4")))
    for count in 0..<4 { #expect(!VideoReader.isVideo([UInt8](repeating: 0, count: count))) }
    #expect(!VideoReader.isVideo(Array("a text of some words, and no video".utf8)))
  }
}
