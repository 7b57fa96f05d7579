import Foundation

/// The CLIP model of a new run.
public enum ClipSource: Sendable {
  /// A folder in the form of Hugging Face or OpenCLIP.
  case folder(URL)
  /// Random weights for the geometry in a file.
  case random(URL)

  /// The name in settings.
  package var name: String {
    switch self {
    case .folder(let url): url.path
    case .random(let url): "random:\(url.path)"
    }
  }

  /// Sets the defaults that depend on the source of the tower's weights.
  package func adapt(_ configuration: inout RunConfiguration) {
    if case .random = self { configuration.adaptToRandomWeights() }
  }
}

extension RunConfiguration {
  /// Trains the whole tower at a higher rate; trained weights only need adaptation.
  package mutating func adaptToRandomWeights() {
    tune = .all
    optimizer.towerLearningRate = 5e-4
  }
}
