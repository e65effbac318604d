//! One of everything of identity in a tenant, with a mark in every name. Recorded past all commands: most of it is made
//! behind the sign-in door, and what belongs to the platform is here made in whichever tenant is asked for.

use domain::identity::administrators;
use domain::identity::api_key::{self, KeyName, KeyScopes};
use domain::identity::membership::{self, Person, membership_id};
use domain::identity::session::{self, ClientKind};
use domain::identity::tenant::{self, Plan, Slug, TenantName};
use domain::identity::user;
use domain::identity::{
    ClientAddress, EmailAddress, Locale, PersonName, Recipient, RequestId, Role, RoleSet, TimeZone, UserId, invitation,
};
use kernel::{BlindIndex, Personal, TenantId};
use serde_json::{Value, json};
use tests::node::{Actor, TestNode};
use uuid::Uuid;

/// Their ids.
pub(crate) struct People {
    tenant: String,
    user: String,
    member: String,
    invitation: String,
    session: String,
    api_key: String,
}

impl People {
    /// Makes them; `leader` is a member who may lead others.
    pub(crate) async fn make(node: &TestNode, maker: &Actor, mark: &str, leader: Uuid) -> Self {
        let [tenant, user, invitation, session, api_key] = [(); 5].map(|()| Uuid::now_v7());
        let [member, led_by] = [user, leader].map(|user| membership_id(maker.tenant, UserId(user)).0);
        node.record(maker, tenant, &[created(mark, tenant)]).await;
        node.record(maker, user, &[registered(mark, user)]).await;
        node.record(maker, member, &[granted(mark, user, Role::SalesRep)]).await;
        node.record(maker, led_by, &[granted(mark, leader, Role::SalesAdmin)]).await;
        let list = administrators::stream_id(maker.tenant);
        // Where somebody is appointed already, that is as good.
        let appointed = administrators::Event::Appointed { user_id: UserId(leader) };
        drop(node.try_record(maker, list, &[appointed]).await);
        node.record(maker, invitation, &[invited(mark, invitation)]).await;
        node.record(maker, session, &[started(user, maker.tenant)]).await;
        node.record(maker, api_key, &[issued(mark)]).await;
        let [tenant, user, member, invitation, session, api_key] =
            [tenant, user, member, invitation, session, api_key].map(|id| id.to_string());
        Self { tenant, user, member, invitation, session, api_key }
    }

    /// The id that a path's parameter stands for.
    pub(crate) fn named(&self, parameter: &str) -> &str {
        match parameter {
            "tenant_id" => &self.tenant,
            "user_id" => &self.user,
            "member_id" => &self.member,
            "invitation_id" => &self.invitation,
            "session_id" => &self.session,
            "api_key_id" => &self.api_key,
            other => panic!("no test makes a {other} yet"),
        }
    }

    /// All ids.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &str> {
        let ids = [&self.tenant, &self.user, &self.member, &self.invitation, &self.session, &self.api_key];
        ids.into_iter().map(String::as_str)
    }

    /// A body that the command accepts.
    pub(crate) fn body(command: &str, mark: &str, leader: Uuid) -> Value {
        match command {
            "identity.create_tenant" => json!({ "slug": format!("t{}", Uuid::now_v7().simple()), "name": mark }),
            "identity.change_tenant" => json!({ "name": mark, "plan": "starter" }),
            "identity.suspend_tenant" | "identity.deactivate_user" | "identity.deactivate_member" => {
                json!({ "reason": mark })
            }
            "identity.invite_member" => {
                json!({ "email": format!("{}@example.com", Uuid::now_v7()), "roles": ["support_agent"] })
            }
            "identity.change_roles" => json!({ "roles": ["sales_manager"] }),
            "identity.set_supervisor" => json!({ "supervisor_id": leader }),
            "identity.resume_tenant"
            | "identity.reactivate_user"
            | "identity.reactivate_member"
            | "identity.remove_supervisor"
            | "identity.resend_invitation"
            | "identity.revoke_invitation"
            | "identity.revoke_session"
            | "identity.revoke_api_key" => json!({}),
            other => panic!("no test knows a body for {other} yet"),
        }
    }
}

fn name(text: &str) -> PersonName {
    PersonName::parse(text).expect("a name")
}

fn email(mark: &str) -> EmailAddress {
    EmailAddress::parse(&format!("{}@example.com", mark.replace(' ', "-"))).expect("an address")
}

fn created(mark: &str, tenant: Uuid) -> tenant::Event {
    tenant::Event::Created {
        slug: Slug::parse(&format!("t{}", tenant.simple())).expect("a slug"),
        name: TenantName::parse(mark).expect("a name"),
        plan: Plan::Free,
        locale: Locale::Fr,
        time_zone: TimeZone::default(),
    }
}

fn registered(mark: &str, user: Uuid) -> user::Event {
    user::Event::Registered {
        email: Personal::new(user, email(mark)),
        email_index: BlindIndex(Uuid::now_v7()),
        given_name: Personal::new(user, name(mark)),
        family_name: Personal::new(user, name(mark)),
        phone: None,
        locale: Locale::Fr,
    }
}

fn granted(mark: &str, user: Uuid, role: Role) -> membership::Event {
    membership::Event::Granted {
        user_id: UserId(user),
        person: Person { given_name: name(mark).into(), family_name: name(mark).into(), email: email(mark).into() }
            .about(UserId(user)),
        roles: RoleSet::new([role]).expect("a role"),
        supervisor_id: None,
        invitation_id: None,
    }
}

fn invited(mark: &str, invitation: Uuid) -> invitation::Event {
    invitation::Event::Invited {
        request_id: RequestId(Uuid::now_v7()),
        to: Recipient { email: Personal::new(invitation, email(mark)), given_name: None, locale: Locale::Fr },
        email_index: BlindIndex(Uuid::now_v7()),
        roles: RoleSet::new([Role::SupportAgent]).expect("a role"),
        supervisor_id: None,
        expires_at: chrono::Utc::now() + chrono::TimeDelta::days(1),
    }
}

fn started(user: Uuid, tenant: TenantId) -> session::Event {
    session::Event::Started {
        user_id: UserId(user),
        signed_in_to: Some(tenant),
        client: ClientKind::App,
        second_factor: false,
        client_address: ClientAddress::parse("192.0.2.1").ok().map(|address| Personal::new(user, address)),
        user_agent: None,
    }
}

fn issued(mark: &str) -> api_key::Event {
    api_key::Event::Issued {
        name: KeyName::parse(mark).expect("a name"),
        scopes: KeyScopes::new(["read:queue".to_owned()]).expect("a scope"),
        expires_at: None,
    }
}

/// Where everything is at home that no single company owns.
pub(crate) const PLATFORM: TenantId = TenantId::PLATFORM;
