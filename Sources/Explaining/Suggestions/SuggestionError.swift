import Foundation
import Storage

/// Data or phrases with which no difference between sites can be searched.
package enum SuggestionError: Error, Equatable, CustomStringConvertible {
  /// Fewer than two sites take part.
  case tooFewSites([String], heldOut: String? = nil)
  /// A site has too few images.
  case tooFewImages(site: String, count: Int, least: Int)
  /// All sites together have too few images for the number of entries.
  case tooFewForEntries(count: Int, entries: Int, least: Int)
  /// All images are of one patient or sequence.
  case oneGroup(String)
  /// All images have the same statistics.
  case alike
  /// The sentence of a phrase does not fit the window of the text tower.
  case longPhrase(String, tokens: Int, window: Int)

  /// One or two lines with the fix.
  package var description: String {
    switch self {
    case .tooFewSites(let names, let heldOut):
      "a difference between sites needs two sites that take part, not "
        + (names.isEmpty ? "none" : "\(names.count) (\(names.joined(separator: ", ")))")
        + (heldOut.map { "; let \($0) take part, or give data of more sites" } ?? "; give data of more sites")
    case .tooFewImages(let site, let count, let least):
      "site \(site) has \(counted(count, "image")); at least \(least) are needed; "
        + "add images, or leave the site out"
    case .tooFewForEntries(let count, let entries, let least):
      "\(counted(count, "image")) are too few for a dictionary of \(counted(entries, "entry", "entries")); "
        + "at least \(least) are needed; add images, or use a prompt file of fewer entries"
    case .oneGroup(let group):
      "all images are of one patient or sequence, \"\(group)\", so nothing can be tested on others; "
        + "correct groupPattern in sites.json5"
    case .alike: "all images have the same statistics; check that the files are different images"
    case .longPhrase(let phrase, let tokens, let window):
      "the phrase \"\(phrase)\" has \(tokens) tokens in its sentence, and this CLIP reads \(window); shorten "
        + "the phrase, or templates.confounder of the prompt file"
    }
  }
}
