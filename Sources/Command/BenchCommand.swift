import Benchmarking
import Confounders
import Foundation
import Storage
import Training

/// The command `mcdrl bench`.
enum BenchCommand: Subcommand {
  static let name = "bench"
  static let summary = "measure speed and memory, in alternation with other installed Python software"
  static let example = "mcdrl bench --only encode,files --out Benchmarks/results"
  static let options = Options()
  static let common = CommonOptions(choosesDevice: true)

  struct Options: OptionGroup {
    let only = Option.commas(
      "only", "NAME", .group, default: [BenchmarkGroup](), said: "all",
      "groups to measure: " + BenchmarkGroup.allCases.map(\.rawValue).joined(separator: ", ") + ", or a to h")
    let quick = Option.flag(
      "quick", "small models, few rounds, groups a, b, c, e and f: under two minutes, rough numbers")
    let models = Option.commas(
      "models", "NAME", .name(of: BenchmarkOptions.knownModels), said: "those of each group",
      "models to measure: " + BenchmarkOptions.knownModels.joined(separator: ", "))
    let rounds = Option.optional(
      "rounds", "N", .integer(atLeast: 1), remark: "as many as fit its time", "rounds of each case")
    let out = Option.value(
      "out", "DIR", .file, default: URL(fileURLWithPath: "Benchmarks/results"),
      "the folder of the records, one JSON file for each call")
    let withoutPeers = Option.flag("no-peers", "measure this software alone, without other Python software")
    let table = Option.commas(
      "table", "FILE", .text, default: [String](), "print the tables of these records instead of measuring")
    let page = Option.optional("page", "PAGE", .file, "with --table: put the tables into this page")
    let prompts = Shared.prompts.saying("the prompt file, or its name, that models are made with")
    let probe = Option.optional(
      "probe", "WORK", .probe, "do one kind of work and print the peak memory; bench calls itself so"
    ).hidden()
    let work = Option.optional(
      "work", "DIR", .file, remark: "a temporary folder", "the folder of weights and pictures; it is kept")
  }

  static func run(_ arguments: Arguments<Options>, _ console: Console) throws {
    let records = try arguments.table
    guard records.isEmpty else { return try show(records.map(stored), arguments.page, console) }
    let work = try arguments.work
    let folder =
      work
      ?? FileManager.default.temporaryDirectory.appendingPathComponent("mcdrl-bench-\(UUID().uuidString)")
    // A named folder stays, because the next call uses its weights and images again.
    defer { if work == nil { try? FileManager.default.removeItem(at: folder) } }
    var options = BenchmarkOptions(
      prompts: try ProjectFiles.promptSet(arguments.prompts).prompts, work: folder)
    options.quick = try arguments.quick
    let groups = try arguments.only
    options.device = try arguments.common.device
    let all = Self.groups(quick: options.quick)
    options.groups =
      !groups.isEmpty
      ? groups : options.device == .cpu ? all : all.filter(BenchmarkOptions.groupsOfDevices.contains)
    options.models = try arguments.models
    options.rounds = try arguments.rounds
    options.seed = try arguments.common.seed
    if let threads = try arguments.common.threads { options.threads = threads }
    if let probe = try arguments.probe {
      return console.result("{\"peak\": \(try probe.peak(options))}")
    }
    options.versions = ["mcdrl": MCDRLCommand.version]
    options.peers =
      try arguments.withoutPeers || options.device != .cpu
      ? nil : try? ProjectFiles.find("Benchmarks", instead: "--no-peers")
    options.program = Bundle.main.executableURL.map { [$0.path, "bench"] }

    let out = try arguments.out
    let locks = try OutputFolder.lock([out] + [work].compactMap { $0 }, console)
    defer { withExtendedLifetime(locks) {} }
    let start = Date()
    let stamp = ISO8601DateFormatter().string(from: start).replacingOccurrences(of: ":", with: "")
    let file = out.appendingPathComponent("\(stamp)\(options.quick ? "-quick" : "").json")
    Interrupt.watch()
    // An interrupted call keeps the results of its finished cases.
    let record = try Benchmark(options, note: console.note).run { record in
      try AtomicFile.write(json: record, to: file)
      guard Interrupt.requested else { return }
      throw Interruption.benchmark(file)
    }
    Interrupt.unwatch()
    if console.json { return try console.result(json: record) }
    console.result(BenchmarkTable.markdown(record))
    console.note("\(duration(Date().timeIntervalSince(start))); the record is \(file.path)")
  }

  /// Returns the groups that are measured if none are named.
  private static func groups(quick: Bool) -> [BenchmarkGroup] {
    quick ? [.encode, .files, .training, .decode, .metrics] : BenchmarkGroup.allCases
  }

  private static func stored(_ path: String) throws -> BenchmarkRecord {
    let data = try Data(file: URL(fileURLWithPath: path))
    do { return try JSONDecoder().decode(BenchmarkRecord.self, from: data) } catch {
      throw WorkError.noBenchmarkRecord(path, reason: explanation(of: error))
    }
  }

  private static func show(_ records: [BenchmarkRecord], _ page: URL?, _ console: Console) throws {
    if console.json { return try console.result(json: records) }
    guard let page else {
      return console.result(records.map(BenchmarkTable.markdown).joined(separator: "\n"))
    }
    let text = String(decoding: try Data(file: page), as: UTF8.self)
    try AtomicFile.write(Data(BenchmarkTable.page(records, in: text).utf8), to: page)
    console.result("\(page.path) shows the runs of \(records.map(\.date).joined(separator: ", "))")
  }
}

extension ValueForm where Value == BenchmarkGroup {
  /// A group by its name, or by its letter in Benchmarks/README.md.
  fileprivate static var group: ValueForm {
    ValueForm(
      read: { word in
        let letters = zip("abcdefgh".map(String.init), BenchmarkGroup.allCases)
        guard let group = BenchmarkGroup(rawValue: word) ?? letters.first(where: { $0.0 == word })?.1 else {
          throw WrongValue.unknown(known: BenchmarkGroup.allCases.map(\.rawValue) + ["a to h"])
        }
        return group
      }, text: \.rawValue)
  }
}

extension ValueForm where Value == MemoryProbe {
  /// A probe in the form `work:geometry:precision`.
  fileprivate static var probe: ValueForm {
    ValueForm(
      read: { word in
        guard let probe = MemoryProbe(word) else { throw WrongValue.needs("write work:geometry:precision") }
        return probe
      }, text: \.text)
  }
}
