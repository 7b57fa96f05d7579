import Foundation
import TestSupport
import Testing
import Torch

@testable import Training

@Suite("The queue between the threads of a video", .timeLimit(.minutes(15)))
struct FrameQueueTests {
  private struct Bad: Error {}

  @Test("Items come in order, and nil after the last")
  func order() throws {
    let queue = FrameQueue<Int>(capacity: 2)
    #expect(
      Machine.startThread {
        for item in 0..<50 { queue.put(item) }; queue.finish()
      })
    var found: [Int] = []
    while let item = try queue.take() { found.append(item) }
    #expect(found == Array(0..<50))
    #expect(try queue.take() == nil)
    #expect(queue.takeReady() == nil)
    #expect(queue.peak <= 2)
  }

  @Test("A full queue makes the producer wait")
  func bounded() throws {
    let queue = FrameQueue<Int>(capacity: 3)
    let made = Tally()
    #expect(
      Machine.startThread {
        for item in 0..<100 {
          made.add()
          guard queue.put(item) else { return }
        }
      })
    #expect(try queue.take() == 0)
    Thread.sleep(forTimeInterval: 0.1)
    // Three wait, one was taken, one is in the producer's hand.
    #expect(made.value <= 5)
    queue.cancel()
    #expect(try queue.take() == nil)
    #expect(!queue.put(7))
  }

  @Test("With a stub the oldest item gives way, and its stub keeps its place")
  func gives() throws {
    let queue = FrameQueue<Int>(capacity: 2) { -$0 }
    for item in 1...5 { queue.put(item) }
    queue.finish()
    var found: [Int] = []
    while let item = try queue.take() { found.append(item) }
    #expect(found == [-1, -2, -3, 4, 5])
  }

  @Test("An error comes after the items before it")
  func error() throws {
    let queue = FrameQueue<Int>(capacity: 4)
    queue.put(1)
    queue.finish(.failure(Bad()))
    #expect(try queue.take() == 1)
    #expect(throws: Bad.self) { try queue.take() }
  }
}

@Suite("Frames on their way to the network", .timeLimit(.minutes(15)))
struct FrameFeedTests {
  private func settings(realtime: Bool) -> VideoSettings {
    var settings = VideoSettings()
    (settings.realtime, settings.queue) = (realtime, 3)
    return settings
  }

  @Test("No more frames are decoded than fit into the queue")
  func bounded() throws {
    let picture = try TissueScene.picture(1)
    let source = MadeFrames(times: (0..<500).map { Double($0) / 25 }) { _ in picture }
    let feed = FrameFeed(source, settings(realtime: false), clock: SkippingClock())
    _ = try feed.next()
    Thread.sleep(forTimeInterval: 0.2)
    #expect(source.read.value <= 6)
    feed.stop()
    let read = source.read.value
    Thread.sleep(forTimeInterval: 0.05)
    #expect(source.read.value == read)
    #expect(try feed.next() == nil)
  }

  @Test("In real time frames wait for their timestamps, and those that still wait then are dropped")
  func realtime() throws {
    let pictures = try (1...6).map { try TissueScene.picture($0) }
    let clock = SkippingClock()
    let source = MadeFrames(times: [2, 2.04, 2.08, 2.5, 2.54, 2.58]) { pictures[$0] }
    // The thread that decodes is done before the first frame is taken.
    let feed = FrameFeed(source, settings(realtime: true), clock: clock) { body in
      body()
      return true
    }
    var found: [FedFrame] = []
    while let frame = try feed.next() { found.append(frame) }
    #expect(found.map(\.index) == Array(0..<6))
    #expect(found.map(\.isDropped) == [true, true, true, true, true, false])
    #expect(found.allSatisfy { ($0.image == nil) == $0.isDropped })
    let waits = clock.waits.map { (($0 - 100) * 1000).rounded() / 1000 }
    #expect(waits == [0.04, 0.08, 0.5, 0.54, 0.58])
    feed.stop()
    #expect(feed.longestLag <= 0)
  }

  @Test("A cut on a dropped frame stays known")
  func cut() throws {
    let pictures = try [1, 2, 3].map {
      try TissueScene.picture($0, colour: $0 == 1 ? [190, 90, 80] : [235, 170, 160])
    }
    let feed = FrameFeed(MadeFrames(pictures), settings(realtime: true), clock: SkippingClock()) { body in
      body()
      return true
    }
    var found: [FedFrame] = []
    while let frame = try feed.next() { found.append(frame) }
    #expect(found.map(\.judgement.isCut) == [false, true, false])
    #expect(found.map(\.judgement.skipped) == [.dropped, .dropped, nil])
  }

  @Test("Without a thread the consumer decodes")
  func noThread() throws {
    let pictures = try (1...4).map { try TissueScene.picture($0) }
    let feed = FrameFeed(MadeFrames(pictures), settings(realtime: false), clock: SkippingClock()) { _ in false
    }
    var found: [Int] = []
    while let frame = try feed.next() { found.append(frame.index) }
    #expect(found == [0, 1, 2, 3])
    feed.stop()
    #expect(try feed.next() == nil)
  }
}
