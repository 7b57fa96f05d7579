import Foundation
import TestSupport
import Testing

@Suite("Damaged files", .serialized)
struct MutationTests {
  /// The number of damaged inputs for each reader; `MCDRL_MUTATIONS` sets another.
  private static let count = ProcessInfo.processInfo.environment["MCDRL_MUTATIONS"].flatMap(Int.init) ?? 150
  /// The first seed; `MCDRL_MUTATION_SEED` sets another, so that a campaign sees new inputs.
  private static let seed =
    ProcessInfo.processInfo.environment["MCDRL_MUTATION_SEED"].flatMap(UInt64.init) ?? 1
  /// The longest time for one input, in seconds, in a debug build on a busy machine.
  private static let patience = 20.0

  @Test("A damaged file is read or gives an error that names it, and nothing crashes", arguments: Reader.all)
  func damaged(reader: Reader) throws {
    let folder = try TemporaryFolder("mutation-\(reader.name)")
    let files = try reader.prepare(folder.url)
    try reader.read(folder.url)
    // A crash leaves the input here.
    let last = Project.file(".build/mutations/\(reader.name)")
    try FileManager.default.createDirectory(at: last, withIntermediateDirectories: true)
    for file in files {
      try FileManager.default.createDirectory(
        at: last.appendingPathComponent(file).deletingLastPathComponent(), withIntermediateDirectories: true)
    }
    let good = try files.map { try Data(contentsOf: folder.file($0)) }
    var (refused, unnamed, slow) = (0, [String](), [String]())
    for index in 0..<Self.count {
      var mutator = Mutator(seed: Self.seed &* 1_000_003 &+ UInt64(index))
      let chosen = mutator.choice(Array(files.indices))
      let data = mutator.damaged(good[chosen])
      let file = folder.file(files[chosen])
      try data.write(to: file)
      try data.write(to: last.appendingPathComponent(files[chosen]))
      let start = Date()
      do {
        try reader.read(folder.url)
      } catch {
        refused += 1
        let text = "\(error)"
        if !text.contains(folder.url.lastPathComponent) {
          unnamed.append("seed \(index): \(text.prefix(200))")
        }
      }
      let seconds = Date().timeIntervalSince(start)
      if seconds > Self.patience { slow.append("seed \(index): \(Int(seconds)) s") }
      try good[chosen].write(to: file)
    }
    #expect(unnamed.isEmpty, "\(unnamed.count) of \(refused): \(unnamed.prefix(5).joined(separator: "\n"))")
    #expect(slow.isEmpty, "\(slow)")
    // Damages that no reader notices would show that nothing is damaged.
    #expect(refused > Self.count / 20, "\(refused) of \(Self.count) were refused")
    print("\(reader.name): \(Self.count) damaged inputs, \(refused) refused")
  }
}
