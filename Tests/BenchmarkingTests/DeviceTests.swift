import Foundation
import Testing
import Torch

@testable import Benchmarking

/// Measurements of a device, as far as they need none.
@Suite struct DeviceMeasurementTests {
  private struct Failure: Error {}
  private let pace = Pace(least: 1, most: 1, seconds: 0, sample: 0, pause: 0)

  private func check(_ difference: Double, name: String = "encode") -> DeviceCheck {
    DeviceCheck(name, "float32", (difference, 2), tolerance: 1e-3, seconds: 0.25, peakMemory: 1 << 20)
  }

  @Test func aDifferencePassesUpToItsTolerance() {
    #expect(check(2e-3).passed && check(0).passed)
    #expect(!check(2.1e-3).passed && !check(.nan).passed && !check(.greatestFiniteMagnitude).passed)
  }

  @Test func theDocumentSaysWhetherACheckPassed() throws {
    let data = try JSONEncoder().encode([check(0), check(1, name: "loss")])
    let found = try JSONSerialization.jsonObject(with: data) as? [[String: Any]]
    #expect(found?.map { $0["passed"] as? Bool } == [true, false])
    #expect(found?.first?["peakMemory"] as? Int == 1 << 20)
    #expect(try JSONDecoder().decode([DeviceCheck].self, from: data) == [check(0), check(1, name: "loss")])
  }

  @Test func theMemoryOfADeviceIsRecordedWhereItCanBe() {
    var known = Contestant.ours(nil, name: "known") {}
    known.memory = { 1234 }
    var unknown = Contestant.ours(nil, name: "unknown") {}
    unknown.memory = { throw Failure() }
    let records = alternate([known, unknown, .ours(nil, name: "none") {}], pace)
    #expect(records.map(\.deviceMemory) == [1234, nil, nil])
    #expect(records.allSatisfy { $0.failure == nil })
  }

  @Test func onTheProcessorAContestantOfADeviceIsTheSame() throws {
    var calls = 0
    let contestant = Contestant.ours("float32", on: .cpu) { calls += 1 }
    #expect(try contestant.run(3) >= 0 && calls == 3)
    #expect(try contestant.memory?() == nil)
  }

  @Test func theTableNamesTheDevice() {
    var record = exampleRecord()
    #expect(!BenchmarkTable.markdown(record).contains("Computed on"))
    record.machine.device = "cuda:0"
    #expect(BenchmarkTable.markdown(record).contains("Computed on cuda:0"))
  }

  @Test func recordsWithoutADeviceAreRead() throws {
    let data = try JSONEncoder().encode(exampleRecord())
    #expect(!String(decoding: data, as: UTF8.self).contains("deviceMemory"))
    #expect(try JSONDecoder().decode(BenchmarkRecord.self, from: data) == exampleRecord())
  }
}
