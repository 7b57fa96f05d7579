import Confounders
import Foundation

/// An ensemble of sentences about each class, in the place of sentences by a language model.
///
/// Each pair of a frame and a finding is one prompt. A prompt has a sentence for every lesion class
/// and one for normal images, so that prompts can be compared over all classes.
enum PromptEnsemble {
  private static let frames = [
    "an image from {modality} that shows {finding}",
    "{finding}, as {modality} shows it",
    "a clinical picture with {finding}",
    "{modality}: {finding}",
    "a doctor sees {finding} in this image from {modality}",
  ]

  /// The words for a lesion and for its absence.
  private static let findings = [
    (lesion: "{a class}", normal: "normal tissue"),
    (lesion: "a small {class}", normal: "healthy tissue"),
    (lesion: "a large {class}", normal: "an intact surface"),
    (lesion: "a faint {class}", normal: "no abnormality"),
    (lesion: "{a class} with a clear border", normal: "tissue without a lesion"),
  ]

  /// The number n of prompts.
  static let count = frames.count * findings.count

  /// Returns the prompts: n lists with the sentences of the K classes and the normal sentence.
  ///
  /// - Parameter words: the words of the classes.
  /// - Returns: n lists of K+1 sentences.
  static func sentences(_ words: ClassWords) -> [[String]] {
    frames.flatMap { frame in
      findings.map { finding in
        let phrases = words.classes.map { name in
          finding.lesion.replacingOccurrences(of: "{a class}", with: ClassWords.withArticle(name))
            .replacingOccurrences(of: "{class}", with: name)
        }
        return (phrases + [finding.normal]).map { phrase in
          frame.replacingOccurrences(of: "{modality}", with: words.modality)
            .replacingOccurrences(of: "{finding}", with: phrase)
        }
      }
    }
  }
}
