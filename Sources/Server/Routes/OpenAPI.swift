import Files
import Foundation
import Segmentation

/// The description of the interface in OpenAPI 3.1.
enum OpenAPI {
    static func text(_ limits: ServerLimits, _ models: ServedModels) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let data = (try? encoder.encode(document(limits, models))) ?? Data()
        return String(decoding: data, as: UTF8.self)
    }

    private static func document(_ limits: ServerLimits, _ models: ServedModels) -> JSONValue {
        [
            "openapi": "3.1.0",
            "info": [
                "title": "VM-UNet", "version": .string(Provenance.version),
                "description": "Segments medical pictures and volumes. Research software, not a medical device.",
                "license": ["name": "Apache-2.0", "identifier": "Apache-2.0"],
            ],
            "security": [[:], ["token": []]],
            "paths": paths(limits, models),
            "components": components,
        ]
    }

    // MARK: Paths

    private static func paths(_ limits: ServerLimits, _ models: ServedModels) -> JSONValue {
        [
            "/healthz": [
                "get": operation(
                    "health", "Runs a picture through each network, writes to the store, looks at the disk.",
                    answers: ["200": json("Health"), "503": json("Health")], isOpen: true)
            ],
            "/metrics": [
                "get": operation(
                    "metrics", "Prometheus' text format.", answers: ["200": content("text/plain; version=0.0.4; charset=utf-8")])
            ],
            "/openapi.json": [
                "get": operation(
                    "openapi", "This document.",
                    answers: ["200": ["description": "OpenAPI 3.1", "content": ["application/json": ["schema": ["type": "object"]]]]],
                    isOpen: true)
            ],
            "/v1/models": [
                "get": operation(
                    "models", "The models, the default first.", answers: ["200": json("Models")])
            ],
            "/v1/predict": [
                "post": predict("predict", limits, models),
                "put": predict("predictByPut", limits, models),
            ],
            "/v1/jobs": [
                "get": operation("jobs", "Your jobs, the newest first.", answers: ["200": json("Jobs")]),
                "post": operation(
                    "createJob",
                    "Takes a volume: NIfTI, NRRD, MetaImage, or a ZIP of a DICOM series; at most \(Memory.size(limits.volumeBytes)). It is on the disk when the server answers 202.",
                    parameters: [model(models, of: .volumes), threshold],
                    body: ["application/octet-stream": binary, "application/zip": binary],
                    answers: [
                        "202": .object([
                            "description": "The job", "content": ["application/json": ["schema": reference("Job")]],
                            "headers": ["Location": ["schema": ["type": "string"]]], "links": links,
                        ])
                    ], problems: ["400", "408", "413", "415", "422", "429", "500", "503", "507"]),
            ],
            "/v1/jobs/{id}": [
                "get": operation(
                    "job", "A job's state, progress and, once it is done, its result.", parameters: [id], answers: ["200": json("Job")],
                    problems: ["404"]),
                "delete": operation(
                    "deleteJob", "Removes every trace of a job, and stops it if it runs.", parameters: [id],
                    answers: ["204": ["description": "Gone"]], problems: ["404"]),
            ],
            "/v1/jobs/{id}/events": [
                "get": operation(
                    "events", "Server-sent events: `job` with the job as JSON at each change, until it ends.", parameters: [id],
                    answers: ["200": events], problems: ["404", "503"])
            ],
            "/v1/jobs/{id}/result": [
                "get": operation(
                    "result", "The result, as the type named in `Accept`.", parameters: [id], answers: ["200": results],
                    problems: ["404", "406", "409", "410"])
            ],
            "/v1/jobs/{id}/view/{layer}/{plane}/{index}": [
                "get": operation(
                    "view", "A plane of a finished job: grey values, or labels.",
                    parameters: [
                        id, path("layer", ["type": "string", "enum": ["image", "labels"]]),
                        path("plane", ["type": "string", "enum": ["axial", "coronal", "sagittal"]]),
                        path("index", ["type": "integer", "minimum": 0]),
                    ],
                    answers: ["200": content("image/png", binary)], problems: ["404", "409", "500"])
            ],
        ]
    }

    private static func predict(_ name: String, _ limits: ServerLimits, _ models: ServedModels) -> JSONValue {
        operation(
            name,
            "Segments the picture in the body: PNG, JPEG, BMP or TIFF, at most \(Memory.size(limits.pictureBytes)) and \(limits.picturePixels) pixels.",
            parameters: [model(models, of: .pictures), threshold],
            body: ["image/png": binary, "image/jpeg": binary, "application/octet-stream": binary],
            answers: [
                "200": [
                    "description": "A mask of the picture's size (0 and 255, or labels if there are several classes), or numbers as JSON",
                    "content": ["image/png": ["schema": binary], "application/json": ["schema": reference("Found")]],
                ]
            ], problems: ["400", "406", "408", "413", "415", "422", "429", "500", "503"])
    }

    private static func operation(
        _ name: String, _ summary: String, parameters: [JSONValue] = [], body: [String: JSONValue]? = nil, answers: [String: JSONValue],
        problems: [String] = [], isOpen: Bool = false
    ) -> JSONValue {
        var answers = answers
        for problem in problems + ["421"] + (isOpen ? [] : ["401"]) {
            answers[problem] = ["$ref": .string("#/components/responses/Problem")]
        }
        var operation: [String: JSONValue] = ["operationId": .string(name), "summary": .string(summary), "responses": .object(answers)]
        if !parameters.isEmpty { operation["parameters"] = .array(parameters) }
        if let body { operation["requestBody"] = ["required": true, "content": .object(body.mapValues { ["schema": $0] })] }
        if isOpen { operation["security"] = [] }
        return .object(operation)
    }

    // MARK: Parts

    private static let binary: JSONValue = ["type": "string", "format": "binary"]

    /// The parameter that chooses among the models that take an input, or do not say.
    private static func model(_ models: ServedModels, of input: WeightsMetadata.Input) -> JSONValue {
        let names = models.all.filter { [nil, input].contains($0.segmenter.metadata.input) }.map { JSONValue.string($0.name) }
        var schema: [String: JSONValue] = ["type": "string"]
        if !names.isEmpty { schema["enum"] = .array(names) }
        return ["name": "model", "in": "query", "schema": .object(schema), "description": "A name of /v1/models."]
    }

    private static let threshold: JSONValue = [
        "name": "threshold", "in": "query", "schema": ["type": "number", "minimum": 0.000001, "maximum": 0.999999],
        "description": "The least probability of a foreground pixel.",
    ]
    private static let id: JSONValue = path("id", ["type": "string", "pattern": "^[0-9a-f]{32}$"])

    /// The operations that take a new job's number.
    private static let links: JSONValue = .object(
        Dictionary(
            uniqueKeysWithValues: ["job", "events", "result", "view", "deleteJob"].map { name in
                (name, ["operationId": .string(name), "parameters": ["id": "$response.body#/id"]])
            }))

    private static func path(_ name: String, _ schema: JSONValue) -> JSONValue {
        ["name": .string(name), "in": "path", "required": true, "schema": schema]
    }

    private static func reference(_ name: String) -> JSONValue { ["$ref": .string("#/components/schemas/\(name)")] }

    private static func json(_ name: String) -> JSONValue {
        ["description": .string(name), "content": ["application/json": ["schema": reference(name)]]]
    }

    private static func content(_ type: String, _ schema: JSONValue = ["type": "string"]) -> JSONValue {
        ["description": .string(type), "content": .object([type: ["schema": schema]])]
    }

    /// A stream has no schema in OpenAPI 3.1: each event's data is a job.
    private static let events: JSONValue = [
        "description": "Lines 'event: job' and 'data: JOB', where JOB is what GET /v1/jobs/{id} answers",
        "content": ["text/event-stream": [:]],
    ]

    private static let results: JSONValue = {
        var content: [String: JSONValue] = [:]
        for result in JobResult.allCases {
            let schema: JSONValue =
                switch result {
                case .statistics: ["type": "array"]
                case .table: text
                default: binary
                }
            content[result.type] = ["schema": schema]
        }
        return ["description": "The file", "content": .object(content)]
    }()

    private static func object(_ properties: [String: JSONValue], required: [String]) -> JSONValue {
        ["type": "object", "properties": .object(properties), "required": .array(required.map { .string($0) })]
    }

    private static let text: JSONValue = ["type": "string"]
    private static let number: JSONValue = ["type": "number"]
    private static let count: JSONValue = ["type": "integer", "minimum": 0]
    private static let texts: JSONValue = ["type": "array", "items": ["type": "string"]]

    private static func list(_ item: JSONValue) -> JSONValue { ["type": "array", "items": item] }

    private static let components: JSONValue = [
        "securitySchemes": ["token": ["type": "http", "scheme": "bearer"]],
        "responses": [
            "Problem": [
                "description": "The problem and the way out", "content": ["application/problem+json": ["schema": reference("Problem")]],
            ]
        ],
        "schemas": [
            "Problem": object(
                ["type": text, "title": text, "status": count, "detail": text, "remedy": text],
                required: ["type", "title", "status", "detail"]),
            "Health": object(
                [
                    "status": ["type": "string", "enum": ["ok", "failing"]], "version": text,
                    "checks": ["type": "object", "additionalProperties": text],
                ],
                required: ["status", "version", "checks"]),
            "Models": object(["models": list(reference("Model"))], required: ["models"]),
            "Model": object(
                [
                    "name": text, "weights_sha256": text, "input": text, "image_size": count, "threshold": number,
                    "classes": list(object(["label": count, "name": text, "color": list(count)], required: ["label", "name", "color"])),
                ], required: ["name", "weights_sha256", "image_size", "classes"]),
            "Found": object(
                [
                    "model": text, "weights_sha256": text, "version": text, "width": count, "height": count, "threshold": number,
                    "classes": list(
                        object(
                            ["label": count, "name": text, "pixels": count, "share_percent": number],
                            required: ["label", "pixels", "share_percent"])),
                ], required: ["model", "weights_sha256", "version", "width", "height", "classes"]),
            "Jobs": object(["jobs": list(reference("Job"))], required: ["jobs"]),
            "Job": object(
                [
                    "id": text, "state": ["type": "string", "enum": ["queued", "running", "done", "failed"]], "progress": number,
                    "slices": count, "slices_done": count, "model": text, "weights_sha256": text, "threshold": number, "bytes": count,
                    "created": text, "started": text, "finished": text, "expires": text,
                    "problem": object(["detail": text, "remedy": text], required: ["detail", "remedy"]), "result": reference("Result"),
                ], required: ["id", "state", "progress", "slices_done", "model", "weights_sha256", "bytes", "created"]),
            "Result": object(
                [
                    "shape": object(["depth": count, "height": count, "width": count], required: ["depth", "height", "width"]),
                    "spacing": object(["depth": number, "height": number, "width": number], required: ["depth", "height", "width"]),
                    "is_oriented": ["type": "boolean"], "center": list(count), "notes": texts,
                    "has_segmentation": ["type": "boolean"],
                    "labels": list(
                        object(
                            ["label": count, "name": text, "color": list(count), "voxels": count, "volume_ml": number],
                            required: ["label", "name", "color", "voxels"])),
                ], required: ["shape", "is_oriented", "center", "labels", "notes", "has_segmentation"]),
        ],
    ]
}

/// JSON values, written as literals.
enum JSONValue: Encodable, Sendable, ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
    ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    case string(String)
    case integer(Int)
    case number(Double)
    case boolean(Bool)
    case array([JSONValue])
    case object([String: JSONValue])

    init(stringLiteral value: String) { self = .string(value) }
    init(integerLiteral value: Int) { self = .integer(value) }
    init(floatLiteral value: Double) { self = .number(value) }
    init(booleanLiteral value: Bool) { self = .boolean(value) }
    init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    init(dictionaryLiteral elements: (String, JSONValue)...) { self = .object(Dictionary(elements) { $1 }) }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .string(let value): try container.encode(value)
        case .integer(let value): try container.encode(value)
        case .number(let value): try container.encode(value)
        case .boolean(let value): try container.encode(value)
        case .array(let values): try container.encode(values)
        case .object(let values): try container.encode(values)
        }
    }
}
