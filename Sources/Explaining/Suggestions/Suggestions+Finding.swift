import CLIP
import Confounders
import Foundation
import Torch

extension Suggestions {
  /// The texts of a search, embedded.
  package struct Texts: Sendable {
    /// The names of the entries, M.
    package let entries: [String]
    /// The entries, L2-normalised, M×d.
    package let entryEmbeddings: Tensor
    /// The candidate phrases, P.
    package let phrases: [String]
    /// The phrases, L2-normalised, P×d.
    package let phraseEmbeddings: Tensor

    /// Makes a value from its parts.
    package init(entries: [String], entryEmbeddings: Tensor, phrases: [String], phraseEmbeddings: Tensor) {
      self.entries = entries
      self.entryEmbeddings = entryEmbeddings
      self.phrases = phrases
      self.phraseEmbeddings = phraseEmbeddings
    }

    /// Embeds the entries of prompts and candidate phrases, some sentences at a time.
    ///
    /// - Parameters:
    ///   - prompts: the dictionary; its template of confounders makes a sentence of each phrase.
    ///   - phrases: the candidates.
    ///   - clip: the model.
    ///   - progress: receives the number of embedded texts.
    /// - Throws: `SuggestionError.longPhrase` for a phrase whose end the tower would not read, or
    ///   `TorchError` with libtorch's message.
    package init(
      _ prompts: PromptSet, phrases: [String], _ clip: CLIPModel, progress: (Int) -> Void = { _ in }
    ) throws {
      let window = clip.configuration.text.positions
      for phrase in phrases {
        let lengths = prompts.sentences(phrase: phrase).map {
          clip.tokenizer.encode($0, window: .max).count
        }
        let tokens = lengths.max() ?? 0
        guard tokens <= window else {
          throw SuggestionError.longPhrase(phrase, tokens: tokens, window: window)
        }
      }
      let texts = prompts.confounders.map(\.text) + phrases
      let parts = try stride(from: 0, to: texts.count, by: 32).map { start in
        let some = Array(texts[start..<min(texts.count, start + 32)])
        let part = try TextEmbeddings.embedded(some, in: prompts) { try clip.textFeatures($0) }
        progress(start + some.count)
        return try part.to(.float32)
      }
      let all = try Tensor.concatenated(parts, dim: 0)
      let entries = prompts.confounders.map(\.name)
      self.init(
        entries: entries, entryEmbeddings: try all.narrowed(dim: 0, start: 0, length: entries.count),
        phrases: phrases,
        phraseEmbeddings: try all.narrowed(dim: 0, start: entries.count, length: phrases.count))
    }
  }

  /// The number of phrases and of entries that are listed.
  private static let listed = 10
  /// The number of images at each end of a direction, and the most of one site among them.
  private static let ends = (count: 8, perSite: 4)

  /// Searches.
  ///
  /// - Parameters:
  ///   - images: the images of the sites that take part.
  ///   - texts: the dictionary and the candidates.
  ///   - heldOut: the site that takes no part.
  ///   - count: the number of directions.
  /// - Throws: `SuggestionError` or `TorchError`.
  package init(_ images: StyleStatistics, _ texts: Texts, heldOut: String?, count: Int) throws {
    let sites = images.samples.map(\.site)
    let measures = try images.embeddings.matmul(texts.entryEmbeddings.transposed())
    // Without their mean, texts no longer share what all sentences about an image have in common.
    let all = try Tensor.concatenated([texts.entryEmbeddings, texts.phraseEmbeddings], dim: 0)
    let centred = try texts.phraseEmbeddings - all.mean([0], keepDimensions: true)
    let cosines = try images.embeddings.matmul(centred.transposed())
    let found = try UncoveredDirections(
      images.statistics, measures: measures, sites: sites, groups: images.samples.map(\.group), count: count)
    self.images = Dictionary(sites.map { ($0, 1) }, uniquingKeysWith: +)
    self.heldOut = heldOut
    (depth, channels) = (images.depth, images.channels)
    (entries, phrases) = (texts.entries.count, texts.phrases.count)
    (covered, shrinkage) = (found.covered, found.shrinkage)
    // The expected maximum of 2·P normal draws is below this. The means of sites are taken away.
    let free = Double(max(1, sites.count - Set(sites).count))
    chance = min(1, (2 * log(2 * Double(max(1, phrases))) / free).squareRoot())
    func words(_ texts: [String], _ scores: [Double], _ cosines: Tensor) throws -> [Word] {
      let whole = try UncoveredDirections.correlations(scores, cosines)
      let within = try UncoveredDirections.correlations(scores, cosines, within: sites)
      return texts.indices.map { Word(text: texts[$0], correlation: whole[$0], within: within[$0]) }
    }
    directions = try found.directions.map { direction in
      let order = direction.scores.indices.sorted { direction.scores[$0] < direction.scores[$1] }
      func pictures(_ order: [Int]) -> [Picture] {
        Self.end(order, sites).map {
          Picture(site: sites[$0], image: images.samples[$0].image.path, score: direction.scores[$0])
        }
      }
      return Direction(
        share: direction.share,
        tellsApart: direction.areas.values.contains { $0 >= CoverageFigure.toldApart },
        sites: direction.means.map { Place(site: $0, score: $1, area: direction.areas[$0]) }
          .sorted { ($0.score, $0.site) < ($1.score, $1.site) },
        phrases: Self.nearest(try words(texts.phrases, direction.scores, cosines), by: \.least),
        entries: Self.nearest(
          try words(texts.entries, direction.wholeScores, measures), by: \.correlation),
        lowest: pictures(order), highest: pictures(order.reversed()))
    }
  }

  private static func nearest(_ words: [Word], by size: (Word) -> Double) -> [Word] {
    Array(words.sorted { abs(size($0)) > abs(size($1)) }.prefix(listed))
  }

  /// Returns the first images of an order, with several sites among them if there are enough.
  static func end(_ order: [Int], _ sites: [String]) -> [Int] {
    var taken: [String: Int] = [:]
    var found: [Int] = []
    for index in order where found.count < ends.count && taken[sites[index], default: 0] < ends.perSite {
      taken[sites[index], default: 0] += 1
      found.append(index)
    }
    return found
  }
}
