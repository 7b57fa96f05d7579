import Datasets
import Foundation
import Imaging
import Metrics
import Storage
import TestSupport
import Testing
import Torch

@testable import Training

@Suite("Segmentation of a video", .timeLimit(.minutes(15)))
struct VideoSegmenterTests {
  private struct Bad: Error, CustomStringConvertible { let description = "a.mp4: damaged" }

  /// Frames of one shot that brighten in green from 100 to 149.
  private func brightening(_ count: Int = 50) throws -> [Image] {
    try (0..<count).map { try MadeVideo.frame(green: 100 + $0, seed: UInt64($0)) }
  }

  @Test("Each frame has a line and a picture with its own timestamp", arguments: [1, 3])
  func frames(batch: Int) throws {
    let pictures = try brightening()
    var settings = MadeVideo.unsmoothed
    settings.batch = batch
    let times = pictures.indices.map { 0.5 + Double($0 * $0) / 1000 }
    let found = try MadeVideo(MadeFrames(times: times) { pictures[$0] }, GreenPredictor(), settings)
    let lines = try found.lines
    #expect(lines.map(\.index) == Array(0..<50))
    #expect(lines.map(\.time) == times.map { ($0 * 1e6).rounded() / 1e6 })
    #expect(found.overlay.times == times.map { Int64(($0 * 1000).rounded()) })
    #expect(found.mask.times == found.overlay.times)
    #expect(found.overlay.isFinished && found.mask.isFinished)
    // Probability 128/255 is the first that reaches one half.
    for (index, line) in lines.enumerated() {
      #expect(line.areaRaw == (index >= 28 ? 1 : 0))
      #expect(line.areaSmoothed == line.areaRaw)
      #expect((line.confidence == nil) == (index < 28))
      #expect(found.mask.images[index].pixels.allSatisfy { $0 == (index >= 28 ? 255 : 0) })
      #expect((found.overlay.images[index] == pictures[index]) == (index < 28))
    }
    let summary = found.outcome.summary
    #expect(summary.frames == 50 && summary.segmented == 50 && summary.cuts.isEmpty && !summary.interrupted)
    #expect(summary.lesions.count == 1)
    #expect(summary.lesions[0].start == lines[28].time && summary.lesions[0].end == lines[49].time)
    #expect(summary.latency.keys.sorted() == ["decode", "judge", "predict", "total", "write"])
    #expect((summary.width, summary.height) == (48, 32))
    #expect(found.outcome.error == nil)
  }

  @Test("With the lines of the first frames the others get the lines of one call", arguments: [1, 3])
  func continued(batch: Int) throws {
    var pictures = try brightening(12)
    // Repeated frames, also of a black one, and a black one at the end.
    pictures[3] = pictures[2]
    pictures[5] = try Image(width: 48, height: 32, channels: 3, pixels: [UInt8](repeating: 0, count: 4608))
    pictures[6] = pictures[5]
    pictures[8] = pictures[7]
    pictures[11] = pictures[5]
    var settings = MadeVideo.unsmoothed
    (settings.keep, settings.batch) = (1, batch)
    let asked = GreenPredictor()
    let whole = try MadeVideo(MadeFrames(pictures), asked, settings)
    let lines = try whole.lines
    for count in 0...lines.count {
      let predictor = GreenPredictor()
      let rest = try MadeVideo(MadeFrames(pictures), predictor, settings, after: Array(lines.prefix(count)))
      #expect(try rest.lines == lines, "\(count)")
      #expect(rest.outcome.summary.segmented == whole.outcome.summary.segmented, "\(count)")
      let left = lines.dropFirst(count).count { $0.skipped == nil }
      #expect(predictor.asked.value == left, "\(count)")
    }
  }

  @Test("Smoothing delays a lesion; off, masks are those of single frames")
  func smoothing() throws {
    let pictures = try (0..<20).map { try MadeVideo.frame(green: $0 < 10 ? 124 : 131, seed: UInt64($0)) }
    let raw = try MadeVideo(MadeFrames(pictures), GreenPredictor(), MadeVideo.unsmoothed).lines
    let smooth = try MadeVideo(MadeFrames(pictures)).lines
    #expect(raw.first { $0.areaSmoothed == 1 }?.index == 10)
    #expect(smooth.first { $0.areaRaw == 1 }?.index == 10)
    #expect(smooth.first { $0.areaSmoothed == 1 }.map { (11...13).contains($0.index) } == true)
  }

  @Test("At a cut smoothing starts anew")
  func cuts() throws {
    let other = try (0..<3).map { try TissueScene.plain([235, 60 + UInt8($0), 30], width: 48, height: 32) }
    let found = try MadeVideo(MadeFrames((0..<8).map { try MadeVideo.frame(green: 150, seed: $0) } + other))
    let lines = try found.lines
    #expect(lines[7].areaSmoothed == 1)
    #expect(lines[8].cut == true && lines[8].areaSmoothed == 0)
    #expect(found.outcome.summary.cuts == [lines[8].time])
  }

  @Test("Black and repeated frames are not segmented, and are in the videos all the same")
  func skipped() throws {
    let (lesion, black) = (
      try MadeVideo.frame(green: 200), try TissueScene.plain([0, 0, 0], width: 48, height: 32)
    )
    let predictor = GreenPredictor()
    let found = try MadeVideo(MadeFrames([lesion, lesion, lesion, black, black, lesion]), predictor)
    let lines = try found.lines
    #expect(predictor.asked.value == 2)
    #expect(lines.map(\.skipped) == [nil, .repeated, .repeated, .black, .black, nil])
    #expect(lines.map(\.areaSmoothed) == [1, 1, 1, nil, nil, 1])
    #expect(lines[2].confidence == lines[0].confidence)
    #expect(found.mask.images.map { $0.pixels[0] } == [255, 255, 255, 0, 0, 255])
    #expect(found.overlay.images.count == 6)
    #expect(found.outcome.summary.skipped == ["repeated": 2, "black": 2])
    #expect(found.outcome.summary.lesions.count == 2)
  }

  @Test("The border of the view is never lesion")
  func border() throws {
    struct Everywhere: FramePredictor {
      let device = Device.cpu
      let rule = MaskRule(0.5)
      func prediction(ofFrame pixels: Tensor) throws -> FramePrediction {
        FramePrediction(probability: try .ones(Array(pixels.shape.dropFirst())))
      }
    }
    let pictures = try (1...3).map { try TissueScene.picture($0, isRound: true, width: 192, height: 128) }
    let found = try MadeVideo(MadeFrames(pictures), Everywhere())
    for mask in found.mask.images {
      #expect(mask.pixels[0] == 0 && mask.pixels[64 * 192 + 10] == 0 && mask.pixels[64 * 192 + 96] == 255)
    }
    let lines = try found.lines
    #expect(lines[0].view?.count == 4)
    #expect(lines.allSatisfy { ($0.areaRaw ?? 1) < 0.6 && $0.confidence == 1 })
  }

  @Test("Several classes have a label each")
  func classes() throws {
    struct Two: FramePredictor {
      let device = Device.cpu
      let rule = MaskRule(0.5)
      func prediction(ofFrame pixels: Tensor) throws -> FramePrediction {
        let (height, width) = (try pixels.size(1), try pixels.size(2))
        let left = try Tensor.arange(to: width).to(.float32).less(than: Double(width) / 2).to(.float32)
          .expanded(to: [height, width])
        return FramePrediction(probability: try .stacked([left, 1 - left]), warnings: ["unlike"])
      }
    }
    let found = try MadeVideo(MadeFrames([MadeVideo.frame(green: 90)]), Two())
    let mask = found.mask.images[0]
    #expect(mask.pixels[0] == 1 && mask.pixels[47] == 2)
    #expect(try found.lines[0].areaSmoothed == 1)
    #expect(try found.lines[0].warnings == ["unlike"])
  }

  @Test("A stop finishes the files with the frames so far")
  func stop() throws {
    let done = Tally()
    let found = try MadeVideo(
      MadeFrames(brightening()), shouldStop: { done.value >= 5 }, progress: { _ in done.add() })
    #expect(found.outcome.summary.interrupted && found.outcome.error == nil)
    #expect(try found.lines.count == 5)
    #expect(found.outcome.summary.frames == 5)
    #expect(found.overlay.isFinished && found.overlay.images.count == 5)
  }

  @Test("An error of the source comes after the frames before it, which are written")
  func damage() throws {
    let pictures = try brightening()
    let times = pictures.indices.map { Double($0) / 25 }
    let source = MadeFrames(times: times, failure: (7, Bad())) { pictures[$0] }
    let found = try MadeVideo(source)
    #expect(found.outcome.error is Bad)
    #expect(found.outcome.summary.failure == "a.mp4: damaged")
    #expect(try found.lines.count == 7)
    #expect(found.mask.isFinished)
  }

  @Test("A full disk is thrown and keeps the lines so far")
  func fullDisk() throws {
    let folder = try TemporaryFolder("full")
    let lines = try LineLog(folder.file("frames.jsonl"))
    let outputs = VideoOutputs(lines: lines) { _, _, _ in .init(overlay: CollectedVideo(room: 4), mask: nil) }
    let summary = VideoSummary(video: "a.mp4", settings: VideoSettings(), prediction: "")
    #expect(throws: CollectedVideo.Full.self) {
      try VideoSegmenter(GreenPredictor(), VideoSettings())(MadeFrames(brightening()), to: outputs, summary)
    }
    let kept: [FrameRecord] = try JSONLines.read(lines.part, expected: "a frame")
    #expect(kept.count == 4)
  }

  @Test("Packets that could not be decoded are counted in the summary")
  func undecoded() throws {
    let pictures = try brightening()
    let times = pictures.indices.map { Double($0) / 25 }
    let found = try MadeVideo(MadeFrames(times: times, damaged: [3, 4]) { pictures[$0] })
    #expect(found.outcome.summary.undecodedPackets == 2 && found.outcome.summary.warnings["damaged"] == 2)
  }

  @Test("No frame at all gives an empty summary")
  func empty() throws {
    let picture = try MadeVideo.frame(green: 90)
    let found = try MadeVideo(MadeFrames(times: []) { _ in picture })
    #expect(found.outcome.summary.frames == 0 && found.outcome.summary.width == nil)
    #expect(found.outcome.summary.latency.isEmpty)
    #expect(FileSystem.kind(of: found.folder.file("frames.jsonl")) == .file)
  }

  @Test("In real time every frame is segmented or dropped, and each has a line")
  func realtime() throws {
    var settings = VideoSettings()
    settings.realtime = true
    var predictor = GreenPredictor()
    predictor.seconds = 0.01
    // The clock never waits, so frames come much faster than they are segmented.
    let found = try MadeVideo(MadeFrames(brightening()), predictor, settings)
    let (summary, lines) = (found.outcome.summary, try found.lines)
    #expect(lines.map(\.index) == Array(0..<50))
    #expect(summary.dropped > 0 && summary.segmented > 0)
    #expect(summary.dropped + summary.segmented == 50)
    #expect(lines.filter { $0.skipped == .dropped }.count == summary.dropped)
    #expect(found.overlay.images.count == summary.segmented)
    #expect(lines.last?.skipped == nil)
    #expect(summary.longestDrop > 0 && summary.decoderLag == 0)
  }

  @Test("A frame that repeats a dropped one is segmented")
  func repeatedAfterDropped() throws {
    var state = VideoState(
      MaskRule(0.5), VideoSettings(), VideoSummary(video: "", settings: VideoSettings(), prediction: ""))
    func frame(_ skipped: FrameSkip?) -> FedFrame {
      FedFrame(
        index: 0, time: 0, pts: 0, duration: nil, timeBase: (1, 25),
        judgement: FrameJudgement(skipped: skipped),
        image: nil, pixels: nil, decodeSeconds: 0, judgeSeconds: 0, arrived: 0)
    }
    let needs = [nil, .repeated, .dropped, .repeated, .repeated, .black].map {
      state.needsPrediction(frame($0))
    }
    #expect(needs == [true, false, false, true, false, false])
  }

  @Test("A frame of a run has the probability of an image file with the same pixels")
  func predictor() throws {
    let tiny = try TinyRun()
    let predictor = Predictor(
      try tiny.trainer().system.compiled(), tiny.configuration, precision: .float32)
    let image = try TissueScene.picture(5)
    let folder = try TemporaryFolder("frame")
    try ImageFile.writePNG(image, to: folder.file("frame.png"))
    let found = try predictor.prediction(ofFrame: image.tensor)
    #expect(try found.probability.isEqual(to: predictor.probability(of: folder.file("frame.png"))))
    #expect(found.expectedDice == nil)
  }
}
