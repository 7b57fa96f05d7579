import Segmentation
import Torch

/// The losses of one step; the terms are unweighted.
struct StepLosses {
  var total: Double
  var segmentation: Double
  var terms: [(name: String, value: Double)]

  /// Makes losses of known values.
  init(total: Double, segmentation: Double, terms: [(name: String, value: Double)]) {
    (self.total, self.segmentation, self.terms) = (total, segmentation, terms)
  }

  /// Reads losses from the device, all at once: each reading waits for the device.
  ///
  /// - Parameters:
  ///   - total: a scalar.
  ///   - segmentation: a scalar.
  ///   - terms: a scalar each.
  /// - Throws: `TorchError` for a term that is no scalar.
  init(total: Tensor, segmentation: Tensor, terms: [(name: String, value: Tensor)]) throws {
    let all = try ([total, segmentation] + terms.map(\.value)).map {
      try $0.detached().to(total.device).reshaped([])
    }
    // Types may differ; a number of several keeps its value.
    let values = try Tensor.stacked(all).to(.cpu).doubles()
    self.init(
      total: values[0], segmentation: values[1],
      terms: zip(terms, values.dropFirst(2)).map { ($0.name, $1) })
  }

  /// Checks that the names of the terms can stand among the metrics.
  ///
  /// - Throws: `MethodError.termName`.
  func requireNames(of method: SegmentationMethod) throws {
    for (name, _) in terms {
      let isPlain =
        !name.isEmpty && name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_".contains($0)) }
      guard isPlain, !EpochMetrics.reservedNames.contains(name) else {
        throw MethodError.termName(method: method.label, name: name)
      }
    }
  }
}

/// The sums of losses over steps, and the number of steps that had each.
struct LossSums: Codable {
  private var loss = 0.0
  private var segmentation = 0.0
  private var steps = 0
  private var terms: [String: Double] = [:]
  private var counts: [String: Int] = [:]

  mutating func add(_ losses: StepLosses) {
    loss += losses.total
    segmentation += losses.segmentation
    steps += 1
    for (term, value) in losses.terms {
      terms[term, default: 0] += value
      counts[term, default: 0] += 1
    }
  }

  /// The means over the steps that had them.
  var means: (loss: Double, segmentation: Double, terms: [String: Double]) {
    let all = Double(max(1, steps))
    let own = terms.reduce(into: [:]) { $0[$1.key] = $1.value / Double(counts[$1.key] ?? 1) }
    return (loss / all, segmentation / all, own)
  }
}
