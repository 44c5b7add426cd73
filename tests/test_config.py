import re
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.asynchronous.policy import Policy
from supervisor.command_line import read_command_line
from supervisor.config import Config, EventConfig, read_config
from supervisor.errors import UsageError
from supervisor.function import Function, InitializationType
from supervisor.function_options import FUNCTION_SETTINGS
from supervisor.option import Option
from supervisor.option_values import Address, IdleAction, LogLevel
from supervisor.options import OPTIONS
from supervisor.runtime_command import Image

IMAGE = Image("/function", {"/usr/bin/python3"}.__contains__, lambda: "/var/runtime/bootstrap")


def read(*words: str, **environ: str) -> Config:
    return read_config(read_command_line(words), environ, IMAGE)


def test_without_options_the_defaults_are_those_of_rie_and_lambda() -> None:
    environ = {"AWS_LAMBDA_LOG_STREAM_NAME": "stream"}

    config = read_config(read_command_line([]), environ, IMAGE)

    assert config == Config(
        function=Function(
            name="test_function",
            version="$LATEST",
            handler="",
            timeout=300,
            memory_mb=3008,
            region="us-east-1",
            account_id="012345678912",
            log_group="/aws/lambda/test_function",
            log_stream="stream",
        ),
        command=("/var/runtime/bootstrap",),
        working_directory="/var/task",
        extensions_dir="/opt/extensions",
        layers=(),
        without_extensions=(),
        once="",
        invoke_address=Address("0.0.0.0", 8080),
        function_url_address=None,
        function_url_streams=False,
        runtime_api_address=Address("127.0.0.1", 9001),
        metrics_address=Address("0.0.0.0", 9464),
        trace="",
        queue_size=100,
        init_timeout=10.0,
        events=EventConfig(
            folder="",
            policy=Policy(retries=2, retry_waits=(60.0, 120.0), maximum_age=21_600),
            on_success="",
            on_failure="",
            drain_timeout=4.0,
        ),
        init_on_demand=False,
        idle_timeout=None,
        idle_action=IdleAction.RENEW,
        freeze=True,
        raw_payload=False,
        stream_bandwidth=0,
        json_logs=False,
        log_prefix=False,
        user="",
        lambda_limits=False,
        log_level=LogLevel.WARN,
        environ=environ,
        warnings=(),
    )


def test_events_are_configured_by_their_own_options() -> None:
    config = read(
        *("--event-dir", "events", "--event-retries", "1", "--event-retry-waits", "0,0.5", "--event-maximum-age", "60"),
        *("--event-on-success", "/records", "--event-on-failure", "http://host:1/a", "--event-drain-timeout", "0"),
    )

    assert config.events == EventConfig(
        folder="/function/events",
        policy=Policy(retries=1, retry_waits=(0.0, 0.5), maximum_age=60),
        on_success="/records",
        on_failure="http://host:1/a",
        drain_timeout=0.0,
    )


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--event-retries", "3"), "must be a whole number from 0 to 2, not '3'"),
        (("--event-retry-waits", "1,,2"), "must be numbers of seconds, separated by commas, not '1,,2'"),
        (("--event-maximum-age", "59"), "must be a whole number from 60 to 21600, not '59'"),
        (
            ("--event-on-failure", "https://host/"),
            "must be the path of a file or a URL that begins with http://, not 'https://host/'",
        ),
        (
            ("--event-on-success", "http://[/"),
            "must be the path of a file or a URL that begins with http://, not 'http://[/'",
        ),
        (("--event-drain-timeout", "901"), "must be a number of seconds from 0 to 900, not '901'"),
    ],
)
def test_a_wrong_value_of_an_option_of_events_is_refused(words: Sequence[str], reason: str) -> None:
    with pytest.raises(UsageError, match=f"^{re.escape(f'{words[0]} {reason}')}$"):
        read(*words)


def test_who_runs_one_event_is_called_by_nobody_unless_that_is_asked_for() -> None:
    assert read("--once", "{}").invoke_address is None
    assert read("--once", "{}", "--invoke-address", ":1").invoke_address == Address("0.0.0.0", 1)
    assert read("--once", "{}", SUPERVISOR_INVOKE_ADDRESS=":2").invoke_address == Address("0.0.0.0", 2)


def test_who_runs_one_event_has_no_events_that_nobody_waits_for() -> None:
    with pytest.raises(
        UsageError, match=r"^--event-dir is for Events, which nobody waits for; --once waits for its own$"
    ):
        read("--once", "{}", "--event-dir", "/events")

    assert read("--once", "{}", SUPERVISOR_EVENT_DIR="/events").events.folder == ""


def test_the_function_is_what_the_variables_of_lambda_say() -> None:
    config = read(
        AWS_LAMBDA_FUNCTION_NAME="orders",
        AWS_LAMBDA_FUNCTION_VERSION="7",
        AWS_LAMBDA_FUNCTION_HANDLER="app.handler",
        AWS_LAMBDA_FUNCTION_TIMEOUT="3",
        AWS_LAMBDA_FUNCTION_MEMORY_SIZE="128",
        AWS_REGION="eu-central-1",
        AWS_ACCOUNT_ID="123456789012",
        AWS_LAMBDA_LOG_GROUP_NAME="group",
        AWS_LAMBDA_LOG_STREAM_NAME="stream",
    )

    assert config.function == Function(
        name="orders",
        version="7",
        handler="app.handler",
        timeout=3,
        memory_mb=128,
        region="eu-central-1",
        account_id="123456789012",
        log_group="group",
        log_stream="stream",
    )


def test_a_flag_that_is_given_twice_counts_as_given_last() -> None:
    assert read("--queue-size", "1", "--queue-size", "2").queue_size == 2


def test_the_flags_of_rie_are_understood() -> None:
    config = read(
        "--log-level",
        "INFO",
        "--runtime-api-address",
        "127.0.0.1:9002",
        "--runtime-interface-emulator-address",
        "0.0.0.0:8081",
        "--enable-init-caching",
        "python3",
        "-m",
        "awslambdaric",
        "app.handler",
    )

    assert config.log_level == LogLevel.INFO
    assert config.runtime_api_address == Address("127.0.0.1", 9002)
    assert config.invoke_address == Address("0.0.0.0", 8081)
    assert config.command == ("python3", "-m", "awslambdaric", "app.handler")
    assert config.function.initialization_type is InitializationType.SNAP_START
    assert config.warnings == ()


def test_an_empty_variable_counts_as_unset() -> None:
    variables = [variable for option in (*OPTIONS, *FUNCTION_SETTINGS) for variable in option.variables]

    with_empty = read(**dict.fromkeys(variables, "")).function
    without = read().function

    assert (with_empty.name, with_empty.timeout, with_empty.region) == (without.name, without.timeout, without.region)
    assert with_empty.handler == without.handler == ""


@pytest.mark.parametrize(
    ("environ", "handler"),
    [
        ({}, "last.word"),
        ({"_HANDLER": "inherited.handler"}, "inherited.handler"),
        ({"_HANDLER": "inherited.handler", "AWS_LAMBDA_FUNCTION_HANDLER": "named.handler"}, "named.handler"),
        ({"_HANDLER": "", "AWS_LAMBDA_FUNCTION_HANDLER": ""}, "last.word"),
    ],
)
def test_a_handler_in_the_environment_wins_over_the_last_word(environ: Mapping[str, str], handler: str) -> None:
    assert read("python3", "last.word", **environ).function.handler == handler


def test_the_region_may_be_the_default_region() -> None:
    assert read(AWS_DEFAULT_REGION="eu-west-1").function.region == "eu-west-1"
    assert read(AWS_DEFAULT_REGION="eu-west-1", AWS_REGION="eu-west-2").function.region == "eu-west-2"


def test_the_log_group_carries_the_name_of_the_function() -> None:
    assert read(AWS_LAMBDA_FUNCTION_NAME="orders").function.log_group == "/aws/lambda/orders"


def test_every_start_has_a_log_stream_of_its_own() -> None:
    one, two = (read(AWS_LAMBDA_FUNCTION_VERSION="7").function.log_stream for _ in range(2))

    assert re.fullmatch(r"\d{4}/\d{2}/\d{2}/\[7\][0-9a-f]{32}", one)
    assert one != two


def test_a_relative_extensions_folder_is_found_from_where_we_were_started() -> None:
    assert read("--extensions-dir", "./build/../extensions/").extensions_dir == "/function/extensions"


@pytest.mark.parametrize(
    ("word", "initialization_type", "on_demand", "init_timeout"),
    [
        ("eager", InitializationType.ON_DEMAND, False, 10.0),
        ("on-demand", InitializationType.ON_DEMAND, True, 10.0),
        ("provisioned-concurrency", InitializationType.PROVISIONED_CONCURRENCY, False, 130.0),
        ("snap-start", InitializationType.SNAP_START, False, 130.0),
    ],
)
def test_how_init_happens_says_when_what_it_is_called_and_how_long_it_may_take(
    word: str, initialization_type: InitializationType, on_demand: bool, init_timeout: float
) -> None:
    config = read("--init", word, AWS_LAMBDA_FUNCTION_TIMEOUT="60")

    assert config.function.initialization_type is initialization_type
    assert (config.init_on_demand, config.init_timeout) == (on_demand, init_timeout)


def test_what_is_said_of_init_wins_over_the_flag_of_rie() -> None:
    config = read("--enable-init-caching", SUPERVISOR_INIT="eager")

    assert config.function.initialization_type is InitializationType.ON_DEMAND


@pytest.mark.rule("lifecycle/init-limit-ahead")
def test_an_init_ahead_may_take_as_long_as_the_function_or_as_the_user_says() -> None:
    ahead = {"SUPERVISOR_INIT": "provisioned-concurrency", "AWS_LAMBDA_FUNCTION_TIMEOUT": "900"}

    assert read(**ahead).init_timeout == 900.0
    assert read("--init-timeout", "7", **ahead).init_timeout == 7.0


def test_an_idle_environment_lives_as_long_as_the_user_says() -> None:
    config = read("--idle-timeout", "2.5", SUPERVISOR_IDLE_ACTION="exit")

    assert (config.idle_timeout, config.idle_action) == (2.5, IdleAction.EXIT)


@pytest.mark.parametrize(("words", "environ"), [(["--no-freeze"], {}), ([], {"SUPERVISOR_FREEZE": "0"})])
def test_the_freeze_is_turned_off_by_a_flag_or_by_its_variable(words: list[str], environ: dict[str, str]) -> None:
    assert not read(*words, **environ).freeze
    assert read(SUPERVISOR_FREEZE="1").freeze


def test_a_number_of_parallel_invocations_is_warned_of() -> None:
    assert read(AWS_LAMBDA_MAX_CONCURRENCY="4").warnings == (
        "AWS_LAMBDA_MAX_CONCURRENCY has no effect: managed instances are not emulated",
    )


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:80", Address("127.0.0.1", 80)),
        ("localhost:0", Address("localhost", 0)),
        ("[::1]:65535", Address("::1", 65535)),
        ("[::ffff:10.0.0.1]:1", Address("::ffff:10.0.0.1", 1)),
        (":1234", Address("0.0.0.0", 1234)),
    ],
)
def test_an_address_is_a_host_and_a_port(text: str, address: Address) -> None:
    assert read("--invoke-address", text).invoke_address == address


def test_the_runtime_api_stays_on_loopback_unless_a_host_is_named() -> None:
    assert read("--runtime-api-address", ":9002").runtime_api_address == Address("127.0.0.1", 9002)


@pytest.mark.parametrize(
    "text",
    ["", "80", "host", "host:", "host:65536", "host:-1", "::1:80", "[]:80", "[host]:80", "a b:80", "http://h:80"],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="must be HOST:PORT"):
        read("--invoke-address", text)


def test_a_function_url_is_off_unless_it_has_an_address() -> None:
    assert read("--function-url-address", "off").function_url_address is None
    assert read("--function-url-address", ":81").function_url_address == Address("0.0.0.0", 81)
    with pytest.raises(UsageError, match="must be off, HOST:PORT"):
        read("--function-url-address", "on")


def test_a_function_url_streams_if_its_mode_says_so() -> None:
    assert [
        read("--function-url-invoke-mode", mode).function_url_streams for mode in ("BUFFERED", "response_stream")
    ] == [
        False,
        True,
    ]
    with pytest.raises(UsageError, match="must be BUFFERED or RESPONSE_STREAM, not 'chunked'"):
        read("--function-url-invoke-mode", "chunked")


def test_the_bandwidth_of_a_stream_is_chosen_in_kibibytes() -> None:
    assert read("--stream-bandwidth", "2048").stream_bandwidth == 2 * 1024 * 1024


def test_an_address_is_written_as_it_is_read() -> None:
    for text in ("127.0.0.1:80", "[::1]:80"):
        assert str(read("--invoke-address", text).invoke_address) == text


@pytest.mark.parametrize("name", ["trace", "DEBUG", "Info", "warn", "warning", "error", "fatal", "panic"])
def test_the_log_levels_are_those_of_rie_in_any_case_of_letters(name: str) -> None:
    assert read(LOG_LEVEL=name).log_level == LogLevel[name.upper()]


def test_a_log_level_that_only_the_function_understands_is_no_mistake() -> None:
    assert read(LOG_LEVEL="CRITICAL").log_level == LogLevel.WARN


@pytest.mark.parametrize(
    ("words", "environ", "message"),
    [
        (["--frobnicate"], {}, "unknown option '--frobnicate'; --help lists the options"),
        (["--frob=1"], {}, "unknown option '--frob'; --help lists the options"),
        (["-q"], {}, "unknown option '-q'; --help lists the options"),
        (["-"], {}, "unknown option '-'; --help lists the options"),
        (["--queue-size"], {}, "--queue-size needs a value: --queue-size NUMBER"),
        (["--help=1"], {}, "--help takes no value"),
        (["--queue-size=many"], {}, "--queue-size must be a whole number from 0 to 10000, not 'many'"),
        (["--queue-size", "-1"], {}, "--queue-size must be a whole number from 0 to 10000, not '-1'"),
        (["--queue-size="], {}, "--queue-size must be a whole number from 0 to 10000, not ''"),
        (
            [],
            {"SUPERVISOR_QUEUE_SIZE": "10001"},
            "SUPERVISOR_QUEUE_SIZE must be a whole number from 0 to 10000, not '10001'",
        ),
        (["--init-timeout=0"], {}, "--init-timeout must be a number of seconds above 0 and up to 900, not '0'"),
        (["--init-timeout=nan"], {}, "--init-timeout must be a number of seconds above 0 and up to 900, not 'nan'"),
        (["--init-timeout=900.5"], {}, "--init-timeout must be a number of seconds above 0 and up to 900, not '900.5'"),
        (
            ["--init=lazy"],
            {},
            "--init must be one of eager, on-demand, provisioned-concurrency, snap-start, not 'lazy'",
        ),
        (["--idle-action", "stop"], {}, "--idle-action must be one of renew, exit, not 'stop'"),
        (["--extensions-dir="], {}, "--extensions-dir must be a path, not empty"),
        (
            ["--log-level", "loud"],
            {},
            "--log-level must be one of trace, debug, info, warn, warning, error, fatal, panic, not 'loud'",
        ),
        (
            [],
            {"SUPERVISOR_LOG_LEVEL": "CRITICAL"},
            "SUPERVISOR_LOG_LEVEL must be one of trace, debug, info, warn, warning, error, fatal, panic, "
            "not 'CRITICAL'",
        ),
        (
            ["--runtime-interface-emulator-address", "8080"],
            {},
            "--runtime-interface-emulator-address must be HOST:PORT, [IPV6]:PORT or :PORT with a port from 0 to 65535, "
            "not '8080'",
        ),
        (
            [],
            {"AWS_LAMBDA_FUNCTION_TIMEOUT": "2.5"},
            "AWS_LAMBDA_FUNCTION_TIMEOUT must be a whole number from 1 to 900, not '2.5'",
        ),
        (
            [],
            {"AWS_LAMBDA_FUNCTION_TIMEOUT": "901"},
            "AWS_LAMBDA_FUNCTION_TIMEOUT must be a whole number from 1 to 900, not '901'",
        ),
        (
            [],
            {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "127"},
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE must be a whole number from 128 to 10240, not '127'",
        ),
        (
            [],
            {"AWS_LAMBDA_FUNCTION_NAME": "two\r\nlines"},
            "AWS_LAMBDA_FUNCTION_NAME must be ASCII without blanks, not 'two\\r\\nlines'",
        ),
        (
            [],
            {"AWS_DEFAULT_REGION": "caf\udce9"},
            "AWS_DEFAULT_REGION must be ASCII without blanks, not 'caf\\udce9' (AWS_REGION wins over it)",
        ),
    ],
)
def test_a_wrong_value_is_one_line_that_names_it_and_says_what_is_allowed(
    words: Sequence[str], environ: Mapping[str, str], message: str
) -> None:
    with pytest.raises(UsageError) as refusal:
        read(*words, **environ)

    assert str(refusal.value) == message


def test_an_endless_value_is_cut_in_the_message() -> None:
    with pytest.raises(UsageError) as refusal:
        read("--queue-size", "9" * 5000)

    assert len(str(refusal.value)) < 200


@given(st.lists(st.text(), max_size=4), st.dictionaries(st.sampled_from(OPTIONS + FUNCTION_SETTINGS), st.text()))
def test_whatever_the_user_writes_is_understood_or_refused_in_one_line(
    words: list[str], texts: dict[Option[object], str]
) -> None:
    environ = {variable: text for option, text in texts.items() for variable in option.variables}

    message = ""

    try:
        read_config(read_command_line(words), environ, IMAGE)
    except UsageError as refusal:
        message = str(refusal)

    assert message.isprintable()
