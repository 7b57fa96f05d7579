import TestSupport
import Testing
import Torch

@testable import Datasets
@testable import Imaging

@Suite("Marks of video frames")
struct FrameJudgeTests {
  private func judge(_ pictures: [Image], damaged: Set<Int> = []) throws -> [FrameJudgement] {
    let source = MadeFrames(times: pictures.indices.map { Double($0) / 25 }, damaged: damaged) {
      pictures[$0]
    }
    var (judge, found) = (FrameJudge(), [FrameJudgement]())
    while let frame = try source.next() { found.append(try judge.judge(frame, frame.image.tensor)) }
    return found
  }

  private func tissue(_ seeds: ClosedRange<UInt64>) throws -> [Image] {
    try seeds.map { try TissueScene.picture($0) }
  }

  @Test("Frames of one shot have no marks")
  func plain() throws {
    let found = try judge(tissue(1...30))
    #expect(found.allSatisfy { $0.skipped == nil && $0.warnings.isEmpty && !$0.isCut && $0.view != nil })
  }

  @Test("Black and repeated frames are skipped, and the frame after black begins a shot")
  func skips() throws {
    let (first, second) = (try TissueScene.picture(1), try TissueScene.picture(2))
    let black = try TissueScene.plain([3, 2, 2])
    let found = try judge([first, first, second, black, black, second, second])
    #expect(found.map(\.skipped) == [nil, .repeated, nil, .black, .black, nil, .repeated])
    #expect(found.map(\.isCut) == [false, false, false, false, false, true, false])
    #expect(found[1].view != nil && found[3].view == nil)
  }

  @Test(
    "What the reader says of a frame is a mark, and the frame is segmented",
    arguments: [FrameWarning.damaged, .resized, .interlaced, .estimatedTime])
  func marks(_ mark: FrameWarning) throws {
    let image = try TissueScene.picture(1)
    let info = VideoFrameInfo(
      index: 0, pts: 0, duration: nil, timeBase: (1, 25), isDamaged: mark == .damaged,
      isInterlaced: mark == .interlaced, isTimeEstimated: mark == .estimatedTime, isResized: mark == .resized)
    var judge = FrameJudge()
    let found = try judge.judge(VideoFrame(info, image: image), image.tensor)
    #expect(found.skipped == nil && found.warnings == [mark])
  }

  @Test("Other colours begin a shot")
  func cuts() throws {
    let other = try (1...4).map { try TissueScene.picture($0, colour: [235, 170, 160]) }
    let found = try judge(tissue(1...8) + other + tissue(9...10))
    #expect(found.indices.filter { found[$0].isCut } == [8, 12])
  }

  @Test("A frame is blurred beside those before it, and not at the start of a shot")
  func blurred() throws {
    let blurred = try TissueScene.blurred(TissueScene.picture(50))
    #expect(try judge(tissue(1...12) + [blurred])[12].warnings == [.blurred])
    #expect(try judge(tissue(1...5) + [blurred])[5].warnings.isEmpty)
    #expect(try judge([blurred])[0].warnings.isEmpty)
  }

  @Test("Grey frames are out of the body; red ones and dyed ones are not")
  func outOfBody() throws {
    #expect(try judge([TissueScene.picture(1, colour: [150, 150, 155])])[0].warnings == [.outOfBody])
    #expect(try judge([TissueScene.picture(1, colour: [90, 140, 170])])[0].warnings.isEmpty)
    #expect(try judge([TissueScene.picture(1, isRound: true)])[0].warnings.isEmpty)
  }

  @Test("Damage is a mark")
  func damage() throws {
    let found = try judge([TissueScene.picture(1), TissueScene.picture(3)], damaged: [1])
    #expect(found[1].warnings == [.damaged])
    #expect(found.map(\.skipped) == [nil, nil])
  }
}

@Suite("The view of a video")
struct VideoViewTests {
  private func view(_ pictures: [Image]) throws -> VideoView {
    var tracker = ViewTracker()
    var found: VideoView?
    for picture in pictures {
      let (samples, step) = try FrameMeasures.samples(of: picture.tensor)
      found = try tracker.view(samples, step: step, height: picture.height, width: picture.width)
    }
    return try #require(found)
  }

  @Test("Corners around a round view are outside, its middle is inside")
  func round() throws {
    let found = try view([TissueScene.picture(1, isRound: true, width: 192, height: 128)])
    let inside = try found.inside.floats()
    func isInside(_ x: Int, _ y: Int) -> Bool { inside[y * 192 + x] == 1 }
    #expect(isInside(96, 64) && isInside(96, 8) && isInside(40, 64))
    #expect(!isInside(0, 0) && !isInside(96 - 50, 8) && !isInside(96 + 50, 120) && !isInside(10, 64))
    #expect(found.share > 0.3 && found.share < 0.6)
    #expect(found.columns.lowerBound > 20 && found.columns.upperBound < 172)
  }

  @Test("A dark lumen in the view stays inside, also in a large frame")
  func lumen() throws {
    let whole = try TissueScene.picture(1, isRound: true, width: 640, height: 480)
    var pixels = whole.pixels
    for y in 220..<260 {
      for x in 300..<340 { for c in 0..<3 { pixels[3 * (y * 640 + x) + c] = 0 } }
    }
    let found = try view([Image(width: 640, height: 480, channels: 3, pixels: pixels)])
    #expect(try found.inside.floats()[240 * 640 + 320] == 1)
    #expect(found.inside.shape == [480, 640])
  }

  @Test("A lumen that stays dark in a corner is inside, and the other corners of a round view are not")
  func cornerLumen() throws {
    func darkened(_ image: Image) throws -> Image {
      var pixels = image.pixels
      for y in 0..<40 {
        for x in 0..<72 { for c in 0..<3 { pixels[3 * (y * 192 + x) + c] = 0 } }
      }
      return try Image(width: 192, height: 128, channels: 3, pixels: pixels)
    }
    #expect(try view([darkened(TissueScene.picture(1, width: 192, height: 128))]).share == 1)
    let found = try view([darkened(TissueScene.picture(1, isRound: true, width: 192, height: 128))])
    let inside = try found.inside.floats()
    // At 66, 24 the lumen is in the circle, whose radius is 61 around 96, 64.
    #expect(inside[24 * 192 + 66] == 1)
    #expect(inside[10 * 192 + 145] == 0 && inside[118 * 192 + 145] == 0 && inside[118 * 192 + 47] == 0)
  }

  @Test("Corners of a round view whose right side is cut off are outside")
  func cutView() throws {
    let whole = try TissueScene.picture(1, isRound: true, width: 192, height: 128).tensor
    let found = try view([Image(whole.narrowed(dim: 2, start: 0, length: 130).contiguous())])
    let inside = try found.inside.floats()
    #expect(inside[10 * 130 + 48] == 0 && inside[118 * 130 + 48] == 0)
    #expect(inside[64 * 130 + 125] == 1 && inside[64 * 130 + 60] == 1)
  }

  @Test("A frame without a border is inside as a whole")
  func full() throws {
    let found = try view([TissueScene.picture(1)])
    #expect(found.share == 1)
    #expect(found.rows == 0..<64 && found.columns == 0..<96)
  }

  @Test("What was lit once stays inside; later frames decide nothing after the 25th")
  func grows() throws {
    let half = try TissueScene.picture(1, isRound: true, width: 192, height: 128)
    let full = try TissueScene.picture(2, width: 192, height: 128)
    #expect(try view([half, full]).share == 1)
    #expect(try view([half, half, half, full]).share == 1)
    let late = try view(
      (1...26).map { try TissueScene.picture($0, isRound: true, width: 192, height: 128) } + [full])
    #expect(late.share < 0.6)
  }
}
