import Foundation
import Storage

/// Phrases that may name what differs between sites: the candidates for new entries of a dictionary.
///
/// They are a plain list of words of the imaging field. A user adds words by a file of one phrase a
/// line.
package enum CandidatePhrases {
  /// The maximum size of a file of phrases, in bytes.
  static let mostBytes = 1 << 20
  /// The maximum number of phrases in a file.
  static let mostPhrases = 2000
  /// The maximum length of a phrase, in characters; whether a CLIP reads all of it depends on its tokens.
  static let longest = 200

  /// Returns the phrases that come with the package, for the modality of some prompts.
  ///
  /// These are general phrases, those of endoscopy for endoscopy, and the entries of the other prompt
  /// files of the modality. The entries of the prompts themselves are left out.
  ///
  /// - Parameters:
  ///   - prompts: the dictionary that the phrases would extend.
  ///   - added: phrases of a user, which come first.
  /// - Returns: different phrases.
  /// - Throws: `PromptError` if a prompt file of the package has errors; a test excludes this.
  package static func all(beside prompts: PromptSet, adding added: [String] = []) throws -> [String] {
    let packs = try PromptSet.Pack.allCases.map { try PromptSet($0) }
      .filter { $0.modality == prompts.modality }.flatMap { $0.confounders.map(\.text) }
    let own = prompts.modality.lowercased().contains("endoscop") ? endoscopy : []
    var seen = Set(prompts.confounders.map { $0.text.lowercased() })
    return (added + packs + general + own).filter { seen.insert($0.lowercased()).inserted }
  }

  /// Reads a file of one phrase a line; empty lines and lines that begin with # do not count.
  ///
  /// - Parameter url: the file, in UTF-8.
  /// - Returns: the phrases, at least one.
  /// - Throws: `PhraseError` or `FileError` that names the file.
  package static func read(_ url: URL) throws -> [String] {
    guard let text = String(data: try Data(file: url, limit: mostBytes), encoding: .utf8) else {
      throw PhraseError(url, "is not text in UTF-8; save it so, one phrase a line")
    }
    let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    var phrases: [String] = []
    for (index, line) in lines.enumerated() {
      let phrase = line.trimmingCharacters(in: .whitespaces)
      guard !phrase.isEmpty, !phrase.hasPrefix("#") else { continue }
      guard phrase.count <= longest else {
        throw PhraseError(
          url, "line \(index + 1) has \(phrase.count) characters; at most \(longest) are possible")
      }
      phrases.append(phrase)
    }
    guard !phrases.isEmpty else {
      throw PhraseError(url, "holds no phrase; write one a line, such as: a purple tint")
    }
    guard phrases.count <= mostPhrases else {
      throw PhraseError(url, "holds \(phrases.count) phrases; at most \(mostPhrases) are possible")
    }
    return phrases
  }

  /// Words for images of any modality.
  static let general = [
    "blur", "defocus", "motion blur", "sharp edges", "oversharpened edges", "fine detail", "low resolution",
    "an enlarged picture", "noise", "grain", "compression blocks", "interlaced lines", "banding",
    "moire patterns", "stripes", "dead pixels", "chromatic aberration", "lens distortion",
    "a dirty lens", "fog on the lens", "haze", "glare", "a lens flare", "bright light", "dark light",
    "overexposure", "underexposure", "uneven light", "a dark border", "a bright centre", "shadows",
    "high contrast", "low contrast", "washed-out colours", "saturated colours", "pale colours",
    "grey colours", "a red tint", "an orange tint", "a yellow tint", "a green tint", "a blue tint",
    "a purple tint", "a pink tint", "warm colours", "cold colours", "text on the screen", "numbers",
    "a date and a time", "a logo", "a menu", "an arrow", "a coloured mark", "a scale bar", "calipers",
    "a black border", "rounded corners", "an octagonal frame", "a circular frame", "a square frame",
    "an inset picture", "a screenshot", "a photograph of a screen", "a near view", "a far view",
    "a tilted view", "a cropped view", "a magnified view",
  ]

  /// Words of endoscopy.
  static let endoscopy = [
    "white light imaging", "narrow-band imaging", "blue laser imaging", "linked colour imaging",
    "autofluorescence", "texture and colour enhancement", "near infrared light", "methylene blue dye",
    "blue indigo carmine dye", "brown Lugol's iodine stain", "acetic acid", "crystal violet",
    "a xenon lamp", "an LED lamp", "a fibre-optic honeycomb pattern", "a capsule endoscope",
    "a transparent cap", "mucus", "bubbles", "foam", "blood", "clotted blood", "bile", "stool",
    "food residue", "cloudy water", "clean water", "water on the lens", "water jets", "specular reflection",
    "smoke", "a biopsy forceps", "a snare", "a needle", "a metal clip", "a catheter", "a tube",
    "a balloon", "a gloved hand", "a metal instrument", "a collapsed lumen", "a wide open lumen",
    "the dark lumen in the centre", "folds of the wall", "a smooth wall", "visible blood vessels",
    "pale mucosa", "red mucosa", "a scar", "diverticula", "an underwater view", "a retroflexed view",
    "the cecum", "the rectum", "the stomach", "the oesophagus", "the small bowel", "the larynx",
    "a patient with inflammation", "bowel preparation of poor quality",
  ]
}

/// A file of phrases that cannot be used.
package struct PhraseError: Error, Equatable, CustomStringConvertible {
  /// The file.
  package let file: URL
  /// The fault and the fix.
  package let reason: String

  init(_ file: URL, _ reason: String) { (self.file, self.reason) = (file, reason) }

  /// One line.
  package var description: String { "\(file.path): \(reason)" }
}
