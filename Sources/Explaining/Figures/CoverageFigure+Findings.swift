import Metrics
import Storage
import Studies

extension CoverageFigure {
  /// The conclusion for a user from how well a site can be recognised.
  package enum Finding: Equatable, Sendable {
    /// The features do not identify the site: there is nothing to explain.
    case hidden
    /// The entries identify the site about as well as the features: the words are there.
    case explained
    /// The features identify the site, but the entries do not: a word is missing.
    case unexplained
  }

  /// The lowest AUC at which features identify a site.
  package static let toldApart = 0.8
  /// The share of the features' AUC above 0.5 that the entries must reach to explain it.
  package static let explainedShare = 0.5

  /// Returns the finding for one site.
  ///
  /// The entries explain a site together, or one of them does alone: the probe of all entries can be
  /// worse than the best entry.
  package static func finding(_ place: Place) -> Finding {
    guard place.features >= toldApart else { return .hidden }
    return reaches(best(place), place) ? .explained : .unexplained
  }

  /// Returns whether one entry explains a site without the other entries.
  package static func explains(_ entry: EntryArea, _ place: Place) -> Bool { reaches(entry.area, place) }

  /// Returns whether an AUC of a site is enough to explain how the features identify it.
  private static func reaches(_ area: Double, _ place: Place) -> Bool {
    place.features >= toldApart && (area - 0.5) / (place.features - 0.5) >= explainedShare
  }

  /// Returns the AUC of a site from all entries, or from the best entry if that is higher.
  private static func best(_ place: Place) -> Double {
    max(place.coordinates, place.entriesAlone?.first?.area ?? 0)
  }

  /// Returns the sites under a method, mean over its models.
  package func places(_ method: String) -> [Place] {
    let own = rows.filter { $0.method == method }.flatMap(\.sites)
    return own.map(\.site).uniqued.map { site in
      let cases = own.filter { $0.site == site }
      let shifts = cases.flatMap(\.nearest)
      let alone = cases.compactMap(\.entriesAlone).flatMap { $0 }
      return Place(
        site: site, before: Self.mean(cases.map(\.before)), features: Self.mean(cases.map(\.features)),
        embedding: Self.mean(cases.map(\.embedding)), coordinates: Self.mean(cases.map(\.coordinates)),
        nearest: shifts.map(\.name).uniqued.map { name in
          Neighbour(name: name, shift: Self.mean(shifts.filter { $0.name == name }.map(\.shift)))
        }.sorted { abs($0.shift) > abs($1.shift) },
        entriesAlone: alone.isEmpty ? nil : Self.means(alone).sorted { $0.area > $1.area })
    }
  }

  /// Returns the sites that each entry explains alone under a method, by the name of the entry.
  ///
  /// It is nil if an earlier version made the figure.
  package func explained(_ method: String) -> [String: [(site: String, area: Double)]]? {
    let places = places(method)
    guard places.contains(where: { $0.entriesAlone != nil }) else { return nil }
    var found: [String: [(site: String, area: Double)]] = [:]
    for place in places {
      for entry in place.entriesAlone ?? [] where Self.explains(entry, place) {
        found[entry.name, default: []].append((place.site, entry.area))
      }
    }
    return found
  }

  /// Returns the effect of removing each entry under a method, over its models.
  ///
  /// The entry that hides most comes first.
  package func changes(_ method: String) -> [(name: String, area: Double, change: ScoreStatistics)] {
    let own = rows.filter { $0.method == method }.flatMap(\.entries)
    return own.map(\.name).uniqued.map { name in
      let cases = own.filter { $0.name == name }
      return (name, Self.mean(cases.map(\.area)), ScoreStatistics(of: cases.map(\.change)))
    }.sorted { ($0.change.mean ?? 0) > ($1.change.mean ?? 0) }
  }

  /// Returns advice about each site under a method, one or two sentences per site.
  ///
  /// Sites that need a word come first.
  package func advice(_ method: String) -> [String] {
    let entries = rows.first { $0.method == method }?.entries.count ?? 0
    let places = places(method)
    func sites(_ finding: Finding) -> [Place] { places.filter { Self.finding($0) == finding } }
    func two(_ value: Double) -> String { NumberText.text(value, decimals: 2) }
    var lines = sites(.unexplained).map { place in
      let nearest = place.nearest.prefix(3).map {
        "\($0.name) (\($0.shift > 0 ? "+" : "")\(two($0.shift)) deviations)"
      }
      // Words are compared with the embedding. A sentence cannot name a property that it does not
      // contain.
      let blind = place.embedding - 0.5 < Self.explainedShare * (place.features - 0.5)
      return
        "Site \(place.site) is told apart by its features (AUC \(two(place.features))) but not by the \(entries) entries "
        + "(\(two(place.coordinates))): look at its pictures and add a prompt for what they share. The entries that shift most "
        + "there: \(nearest.joined(separator: ", "))."
        + (blind
          ? " The image embedding hardly tells it apart either (\(two(place.embedding))), so a prompt may not reach what it is."
          : "")
    }
    let explained = sites(.explained)
    if !explained.isEmpty {
      let names = explained.map { "\($0.site) (\(two($0.features)), entries \(two(Self.best($0))))" }
      lines.append(
        "Told apart by features, and by the entries about as well: \(names.joined(separator: ", ")). The words are there; "
          + "what is lacking is an intervention that acts on them.")
    }
    lines += alone(places.filter { Self.finding($0) != .hidden })
    let hidden = sites(.hidden)
    if !hidden.isEmpty {
      lines.append(
        "Not told apart by features (AUC below \(two(Self.toldApart))), so nothing to explain: "
          + hidden.map { "\($0.site) (\(two($0.features)))" }.joined(separator: ", ") + ".")
    }
    return lines
  }

  /// Returns sentences about the entry that alone tells each of some sites apart best.
  private func alone(_ places: [Place]) -> [String] {
    let best = places.compactMap { place in place.entriesAlone?.first.map { (place: place, entry: $0) } }
    func names(_ cases: [(place: Place, entry: EntryArea)]) -> String {
      cases.map {
        "\($0.place.site) (\($0.entry.name), \(NumberText.text($0.entry.area, decimals: 2)))"
      }.joined(separator: ", ")
    }
    let explained = best.filter { Self.explains($0.entry, $0.place) }
    let others = best.filter { !Self.explains($0.entry, $0.place) }
    return [
      explained.isEmpty ? nil : "One entry alone explains these sites: \(names(explained)).",
      others.isEmpty
        ? nil : "No entry alone explains these sites; the best one is named: \(names(others)).",
    ].compactMap { $0 }
  }

  /// Returns the mean of each entry over models.
  private static func means(_ entries: [EntryArea]) -> [EntryArea] {
    entries.map(\.name).uniqued.map { name in
      EntryArea(name: name, area: mean(entries.filter { $0.name == name }.map(\.area)))
    }
  }

  private static func mean(_ values: [Double]) -> Double { ScoreStatistics(of: values).mean ?? .nan }
}
