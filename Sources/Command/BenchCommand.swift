import Benchmarking
import Confounders
import Foundation
import Storage
import Training

/// `mcdrl bench`.
enum BenchCommand: Subcommand {
  static let name = "bench"
  static let summary = "speed and memory, in alternation with the Python peers that are installed"
  static let usage = "[--quick] [--only LIST]"
  static let example = "mcdrl bench --only encode,files --out Benchmarks/results"
  static let options: [Option] = [
    .one("only", "LIST", BenchmarkGroup.allCases.map(\.rawValue).joined(separator: ", ") + ", or a to h"),
    .flag("quick", "small models, few rounds, groups a, b, c, e, f: under two minutes, rough numbers"),
    .one("models", "LIST", BenchmarkOptions.knownModels.joined(separator: ", ")),
    .one("rounds", "N", "rounds of each case (as many as fit its time)"),
    .one("out", "DIR", "where the record goes, a JSON file a run (Benchmarks/results)"),
    .flag("no-peers", "measure this software alone"),
    .one("table", "LIST", "print the tables of records, files with commas between, instead of measuring"),
    .one("page", "PAGE", "with --table: put the tables into this page"),
    .one("prompts", "FILE", "the words that models are made with (Prompts/endoscopy.json5)"),
    .one("probe", "WORK", "do one kind of work and print the peak memory (used by bench itself)"),
    .one("work", "DIR", "for weights and pictures while it works (a temporary folder)"),
  ]

  static func run(_ arguments: Arguments, _ console: Console) throws {
    guard arguments.positional.isEmpty else {
      throw UsageError(description: "bench takes options only\nusage: mcdrl \(name) \(usage)")
    }
    if let list = arguments.last("table") {
      let records = try list.split(separator: ",").map { try stored(String($0)) }
      return try show(records, arguments, console)
    }
    let work = arguments.last("work").map { URL(fileURLWithPath: $0) }
    let folder =
      work
      ?? FileManager.default.temporaryDirectory.appendingPathComponent("mcdrl-bench-\(UUID().uuidString)")
    // A folder that was named stays: the next run takes up its weights and pictures.
    defer { if work == nil { try? FileManager.default.removeItem(at: folder) } }
    var options = BenchmarkOptions(
      prompts: try PromptSet(contentsOf: ProjectFiles.prompts(arguments.last("prompts"))), work: folder)
    options.quick = arguments.has("quick")
    options.groups = try groups(arguments.last("only"), quick: options.quick)
    options.models = try models(arguments.last("models"))
    options.rounds = try arguments.integer("rounds", atLeast: 1)
    options.seed = UInt64(try arguments.integer("seed") ?? 0)
    if let threads = try arguments.integer("threads", atLeast: 1) { options.threads = threads }
    if let text = arguments.last("probe") { return try probe(text, options, console) }
    options.versions = ["mcdrl": MCDRLCommand.version]
    options.peers =
      arguments.has("no-peers") ? nil : try? ProjectFiles.find("Benchmarks", instead: "--no-peers")
    options.program = Bundle.main.executableURL.map { [$0.path, "bench"] }

    let out = URL(fileURLWithPath: arguments.last("out") ?? "Benchmarks/results")
    try FileManager.default.createFolder(out)
    let start = Date()
    let stamp = ISO8601DateFormatter().string(from: start).replacingOccurrences(of: ":", with: "")
    let file = out.appendingPathComponent("\(stamp)\(options.quick ? "-quick" : "").json")
    Interrupt.watch()
    // A run that is ended early leaves what it had.
    let record = try Benchmark(options, note: console.note).run { record in
      try AtomicFile.write(json: record, to: file)
      guard Interrupt.requested else { return }
      throw Interruption(description: "interrupted; the cases that were finished are in \(file.path)")
    }
    Interrupt.unwatch()
    if console.json { return try console.result(json: record) }
    console.result(BenchmarkTable.markdown(record))
    console.note("\(duration(Date().timeIntervalSince(start))); the record is \(file.path)")
  }

  private static func groups(_ list: String?, quick: Bool) throws -> [BenchmarkGroup] {
    guard let list else {
      return quick ? [.encode, .files, .training, .decode, .metrics] : BenchmarkGroup.allCases
    }
    let letters = Dictionary(uniqueKeysWithValues: zip("abcdefgh".map(String.init), BenchmarkGroup.allCases))
    return try list.split(separator: ",").map { word in
      guard let group = BenchmarkGroup(rawValue: String(word)) ?? letters[String(word)] else {
        let known = BenchmarkGroup.allCases.map(\.rawValue).joined(separator: ", ")
        throw UsageError(description: "--only \(word) is not known; use \(known), or a to h")
      }
      return group
    }
  }

  private static func models(_ list: String?) throws -> [String] {
    let names = (list ?? "").split(separator: ",").map(String.init)
    if let stranger = names.first(where: { !BenchmarkOptions.knownModels.contains($0) }) {
      throw UsageError(
        description: "--models \(stranger) is not known; use "
          + BenchmarkOptions.knownModels.joined(separator: ", "))
    }
    return names
  }

  private static func probe(_ text: String, _ options: BenchmarkOptions, _ console: Console) throws {
    guard let probe = MemoryProbe(text) else {
      throw UsageError(description: "--probe \(text) is not known; write work:geometry:precision")
    }
    console.result("{\"peak\": \(try probe.peak(options))}")
  }

  private static func stored(_ path: String) throws -> BenchmarkRecord {
    let data = try Data(file: URL(fileURLWithPath: path))
    do { return try JSONDecoder().decode(BenchmarkRecord.self, from: data) } catch {
      throw ConfigurationError(
        "\(path): is no record of mcdrl bench: \(explanation(of: error)); give one of Benchmarks/results")
    }
  }

  private static func show(_ records: [BenchmarkRecord], _ arguments: Arguments, _ console: Console) throws {
    if console.json { return try console.result(json: records) }
    guard let page = arguments.last("page").map({ URL(fileURLWithPath: $0) }) else {
      return console.result(records.map(BenchmarkTable.markdown).joined(separator: "\n"))
    }
    let text = String(decoding: try Data(file: page), as: UTF8.self)
    try AtomicFile.write(Data(BenchmarkTable.page(records, in: text).utf8), to: page)
    console.result("\(page.path) shows the runs of \(records.map(\.date).joined(separator: ", "))")
  }
}
