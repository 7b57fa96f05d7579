import Statistics
import Storage
import Training

/// A calibration written by hand, for model cards.
enum CardCalibration {
  /// Makes a calibration as `mcdrl calibrate` writes it; `model` is the hash of the weights.
  static func document(model: String) throws -> JSONValue {
    let cues = DiceCues(softDice: 0.5, uncertainty: 0.2, distance: 1, agreement: nil, isEmpty: false)
    let examples = ["east", "west"].map { site in
      DiceEstimator.Example(site: site, variant: 0, cues: cues, dice: 0.5)
    }
    var dice = try JSONValue(encoding: DiceEstimator(examples)).members ?? [:]
    dice["method"] = "shift"
    dice["errors"] = .object(["shift": .number(0.04), "soft": .number(0.2)])
    return .object([
      "model": .string(model), "inference": try JSONValue(encoding: InferenceConfiguration()),
      "precision": "float32", "images": 4, "uncertainty": "laplace",
      "scaling": try JSONValue(encoding: LogitScaling.identity), "dice": .object(dice),
      "familiarity": .object([
        "parts": .array([.object(["features": "dense", "way": "neighbours", "unit": 1])]),
        "threshold": 1, "quantile": .number(0.95), "images": 8,
        "auroc": .object(["neighbours over dense": .number(0.97)]),
      ]),
      "sites": .array([
        .object([
          "site": "east", "n": 2, "ece_before": .number(0.05), "ece_after": .number(0.01),
          "brier_before": .number(0.1), "brier_after": .number(0.1), "aurc": .object([:]),
        ])
      ]),
      "notes": .array(["Few images."]),
    ])
  }
}
