import ArgumentParser
import Segmentation

/// Groups of samples that training and validation must not share.
package struct GroupOptions: ParsableArguments {
    @Option(
        help:
            "A table (CSV) of pictures and their groups, such as patients or lesions; training and validation share none. For sets without val, and folds."
    )
    package var groups: String?

    @Option(help: "The heading of the groups' column in --groups, if it has more than two columns.")
    package var groupColumn: String?

    @Option(
        help: ArgumentHelp(
            #"Instead of --groups: a regular expression that finds the group in a picture's name, such as "^([^_]+)_"."#,
            valueName: "pattern"))
    package var groupPattern: String?

    package init() {}

    package func validate() throws {
        guard groups == nil || groupPattern == nil else { throw ValidationError("give --groups or --group-pattern") }
        guard groupColumn == nil || groups != nil else { throw ValidationError("--group-column needs --groups") }
    }

    /// Overrides the settings with the options that were given.
    package func apply(to settings: inout DataSettings) {
        if let groups { (settings.groups, settings.groupColumn, settings.groupPattern) = (groups, groupColumn, nil) }
        if let groupPattern { (settings.groups, settings.groupColumn, settings.groupPattern) = (nil, nil, groupPattern) }
    }
}
