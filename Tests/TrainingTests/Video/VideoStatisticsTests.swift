import Datasets
import Foundation
import TestSupport
import Testing

@testable import Training

@Suite("Statistics of a video")
struct VideoStatisticsTests {
  @Test("Quantiles are those of the sorted durations within one percent")
  func quantiles() throws {
    var random = SplitMix(seed: 4)
    var counts = LatencyCounts()
    var all: [Double] = []
    for _ in 0..<5000 {
      let seconds = exp(Double.random(in: -8...1, using: &random))
      counts.add(seconds)
      all.append(seconds)
    }
    all.sort()
    for share in [0.5, 0.95, 0.99] {
      let exact = all[Int((share * 5000).rounded(.up)) - 1]
      let found = try #require(counts.quantile(share))
      #expect(abs(found / exact - 1) < 0.01)
    }
    #expect(counts.longest == all.last)
    #expect(counts.quantile(1) == all.last)
    let shown = try #require(counts.milliseconds)
    #expect(shown.p50 <= shown.p95 && shown.p95 <= shown.p99 && shown.p99 <= shown.max)
  }

  @Test("No duration has no quantile; extreme ones do no harm")
  func extremes() throws {
    var counts = LatencyCounts()
    #expect(counts.quantile(0.5) == nil && counts.milliseconds == nil)
    for seconds in [0, -1, 1e12, .nan, .infinity] { counts.add(seconds) }
    #expect(counts.count == 3)
    #expect(counts.quantile(0.5).map { $0 < 1e-5 } == true)
    #expect(counts.longest == 1e12)
  }

  private func frame(_ time: Double, _ area: Double?, _ skipped: FrameSkip? = nil, cut: Bool = false)
    -> FrameRecord
  {
    var record = FrameRecord(index: Int(time), time: time, skipped: skipped)
    record.areaSmoothed = area
    record.cut = cut ? true : nil
    return record
  }

  @Test("Lesion intervals end without lesion, at black and at cuts, and not at dropped frames")
  func intervals() {
    var intervals = LesionIntervals()
    for record in [
      frame(0, 0), frame(1, 0.1), frame(2, nil, .dropped), frame(3, 0.3), frame(4, 0), frame(5, 0.2),
      frame(6, 0.1, cut: true), frame(7, nil, .black), frame(8, 0.4), frame(9, 0.4, .repeated),
    ] { intervals.add(record) }
    #expect(
      intervals.all == [
        .init(start: 1, end: 3, peakArea: 0.3), .init(start: 5, end: 5, peakArea: 0.2),
        .init(start: 6, end: 6, peakArea: 0.1), .init(start: 8, end: 9, peakArea: 0.4),
      ])
  }

  @Test("A line has every key that a reader needs, null where there is no value")
  func line() throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    let skipped = FrameRecord(index: 3, time: 0.12000000001, skipped: .black)
    #expect(
      String(decoding: try encoder.encode(skipped), as: UTF8.self)
        == #"{"area_raw":null,"area_smoothed":null,"confidence":null,"index":3,"skipped":"black","time":0.12,"warnings":[]}"#
    )
    var full = FrameRecord(index: 4, time: 0.16, warnings: [FrameWarning.outOfBody.rawValue])
    (full.areaRaw, full.areaSmoothed, full.confidence) = (0.25, 0.5, 0.75)
    (full.cut, full.view, full.expectedDice) = (true, [1, 2, 3, 4], 0.5)
    #expect(
      String(decoding: try encoder.encode(full), as: UTF8.self)
        == #"{"area_raw":0.25,"area_smoothed":0.5,"confidence":0.75,"cut":true,"expected_dice":0.5,"#
        + #""index":4,"skipped":null,"time":0.16,"view":[1,2,3,4],"warnings":["out of body"]}"#)
    #expect(try JSONDecoder().decode(FrameRecord.self, from: encoder.encode(full)) == full)
  }
}
