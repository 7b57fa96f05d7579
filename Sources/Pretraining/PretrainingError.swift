import Foundation

/// The result of one interval of contrastive training.
package struct PretrainingMetrics: Codable, Equatable, Sendable {
  /// The number of finished steps at its end.
  package let step: Int
  /// The mean loss over the interval.
  package let loss: Double
  /// Seconds of training up to its end; the only entry that differs between equal runs.
  package let seconds: Double
}

/// The reason why contrastive training stopped before its end.
package enum PretrainingError: Error, Equatable, CustomStringConvertible {
  /// A batch has fewer than two images, or more than there are.
  case batchSize(Int, images: Int)
  /// More processes share a batch than it has images.
  case processes(Int, batchSize: Int)
  /// A setting that counts something is below 1.
  case belowOne(String, value: Int)
  /// A loss or gradient is not a number.
  case diverged(step: Int, state: String)
  /// The user asked to stop; the state is saved.
  case interrupted(step: Int)
  /// A file is not a state of this training.
  case badState(URL)
  /// A setting needs images whose masks are known.
  case noScenes
  /// An image has a lesion of a class that is not stated.
  case noClass(URL)

  /// One or two lines with the fix.
  package var description: String {
    switch self {
    case .batchSize(let size, let images):
      "batchSize is \(size); it must be at least 2 and at most the \(images) pictures there are"
    case .processes(let count, let size):
      "\(count) processes cannot share a batch of \(size) pictures; start at most \(size) processes, or raise "
        + "batchSize"
    case .belowOne(let name, let value): "\(name) is \(value); it must be at least 1"
    case .diverged(let step, let state):
      "training diverged in step \(step): the loss or a gradient is not a number; lower the learning rate. "
        + "The last good state is kept in \(state)"
    case .interrupted(let step): "interrupted after step \(step); the state is saved, resume it to continue"
    case .badState(let url):
      "\(url.path): not a state of contrastive training; remove it and start again"
    case .noScenes:
      "interventionShare and maskWeight need masks, which images with captions alone lack; give sites, or 0"
    case .noClass(let url):
      "\(url.path): its mask shows a lesion, but no class is stated; state the class in sites.json5, or one for all"
    }
  }
}
