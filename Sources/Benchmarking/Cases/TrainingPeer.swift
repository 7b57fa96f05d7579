import Storage
import Torch

/// A way in which a Python peer trains.
struct TrainingPeer {
  /// The name in tables.
  let name: String
  /// The network: `same` as ours, or the U-Net of `monai` or `smp` at equal cost.
  let network: String
  /// Whether `torch.compile` compiles it.
  let isCompiled: Bool

  /// The same model by PyTorch's operators.
  static let eager = TrainingPeer(name: "PyTorch", network: "same", isCompiled: false)
  /// The same model, eager and compiled.
  static let same = [eager, TrainingPeer(name: "PyTorch, compiled", network: "same", isCompiled: true)]
  /// The U-Nets of other libraries.
  static let others = [
    TrainingPeer(name: "MONAI U-Net", network: "monai", isCompiled: false),
    TrainingPeer(name: "smp U-Net", network: "smp", isCompiled: false),
  ]
}

extension TrainingSession {
  /// Makes a contestant of a peer; none if there are no peers.
  ///
  /// - Parameters:
  ///   - peer: the way in which it trains.
  ///   - work: the case in `Benchmarks/peers/worker.py`.
  ///   - precision: its arithmetic.
  ///   - turn: the work of a turn.
  ///   - epochs: the number of epochs whose order it needs.
  ///   - ours: the trainer whose losses those of the same model are compared with.
  /// - Returns: one contestant or none.
  /// - Throws: the errors of the request.
  func contestant(
    _ peer: TrainingPeer, work: String, _ precision: Precision, _ turn: GatedTrainer.Turn, epochs: Int,
    _ ours: GatedTrainer?
  ) throws -> [Contestant] {
    let losses = Losses()
    var request = try request(turn, epochs: epochs)
    request["network"] = .string(peer.network)
    request["compile"] = .bool(peer.isCompiled)
    guard
      var contestant = context.peers.contestant(
        "pytorch", name: peer.name, precision: precision.rawValue, work: work, request,
        call: ["what": .string("\(turn)")], observe: losses.add)
    else { return [] }
    contestant.repeats = false
    if peer.network == "same" {
      contestant.verdict = { ours.flatMap { losses.difference(from: $0.losses) } }
    }
    return [contestant]
  }
}

/// The losses that a peer reported.
private final class Losses {
  private var values: [Double] = []

  func add(_ answer: [String: JSONValue]) {
    if let loss = answer.number("loss") { values.append(loss) }
    if case .array(let losses)? = answer["losses"] {
      values += losses.compactMap { try? $0.decoded(as: Double.self) }
    }
  }

  /// Returns the largest difference from other losses, step by step, and the largest of the others.
  func difference(from others: [Double]) -> (difference: Double, scale: Double)? {
    let pairs = Array(zip(values, others))
    guard !pairs.isEmpty else { return nil }
    return (pairs.map { abs($0 - $1) }.max() ?? 0, pairs.map { abs($1) }.max() ?? 0)
  }
}
